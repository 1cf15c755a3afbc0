#!/usr/bin/python3
"""A client in another language: client.py bus|peer [--sender NAME] METHOD [ARGUMENT...]

Prints the answer as JSON; an error as {"error": its D-Bus name} with exit status 1.
--sender writes a sender of one's choice into the message's header, which only an attacker would do.
"""

import json
import sys

import dbus
import dbus.connection
from dbus.lowlevel import MethodCallMessage

NAME = "org.mariasnap.ZfsHelper1"
PATH = "/org/mariasnap/SnapshotHelper1"
INTERFACE = "org.mariasnap.SnapshotHelper1"
SOCKET = "unix:path=/run/mariasnap/zfs-helper.sock"
SIGNATURES = {
    "ListTargets": "",
    "PrepareSnapshot": "s",
    "TakeSnapshot": "sa{ss}",
    "CreateSnapshot": "sa{ss}",
    "ListSnapshots": "s",
    "DestroySnapshots": "sa(st)",
}


def arguments(method, words):
    """The words of the command line in the types that the method wants."""
    if method == "DestroySnapshots":
        target, *rest = words
        pairs = [(rest[i], dbus.UInt64(rest[i + 1])) for i in range(0, len(rest), 2)]
        return [target, dbus.Array(pairs, signature="(st)")]
    if method in ("CreateSnapshot", "TakeSnapshot"):
        target, *rest = words
        return [target, dbus.Dictionary(dict(word.split("=", 1) for word in rest), signature="ss")]
    return words


def call(transport, sender, method, words):
    connection = dbus.SystemBus() if transport == "bus" else dbus.connection.Connection(SOCKET)
    message = MethodCallMessage(NAME if transport == "bus" else None, PATH, INTERFACE, method)
    if sender:
        message.set_sender(sender)
    message.append(*arguments(method, words), signature=SIGNATURES[method])
    reply = connection.send_message_with_reply_and_block(message, 60.0)
    return reply.get_args_list()


def main():
    transport, *words = sys.argv[1:]
    sender = None
    if words[0] == "--sender":
        sender, words = words[1], words[2:]
    try:
        print(json.dumps(call(transport, sender, words[0], words[1:])))
    except dbus.DBusException as error:
        print(json.dumps({"error": error.get_dbus_name(), "message": error.get_dbus_message()}))
        sys.exit(1)


main()
