#!/bin/sh
# In the test machine: moment.sh SIDE — when the last snapshot of one of ours was unlocked, in microseconds since the epoch,
# as the journal has it. Their units take a second and more to start under emulation; the others cut right away.
set -eu

case $1 in
exact_full | exact | online)
    journalctl --sync
    journalctl --no-pager -o json --output-fields=_PID -n 1 -u "mariasnap@$1.service" \
        MESSAGE_ID=e1a4c7d2397a4c0c9c7be1f4a65d5504 |
        sed -n 's/.*"__REALTIME_TIMESTAMP":"\([0-9]*\)".*/\1/p'
    ;;
esac
