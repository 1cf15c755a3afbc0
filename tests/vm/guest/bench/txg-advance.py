#!/usr/bin/python3
"""How long a snapshot takes to move the pool's open transaction group on: txg-advance.py DATASET.

Prints two lines of NAME KEY VALUE, in milliseconds from the call of lzc_snapshot to the birth of the next group: of a
bare snapshot, and of one right after a sync of the pool. Nothing is polled: the kernel notes each group's birth itself.
"""

import ctypes
import subprocess
import sys
import time

CORE = ctypes.CDLL("libzfs_core.so.3")
NVPAIR = ctypes.CDLL("libnvpair.so.3")
NV_UNIQUE_NAME = 1


def now():
    """Nanoseconds of the clock that births are told in."""
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)


def births(pool):
    """When each of the last transaction groups became the open one."""
    with open(f"/proc/spl/kstat/zfs/{pool}/txgs", encoding="ascii") as kstat:
        header, *rows = kstat.read().splitlines()
    column = header.split().index("birth")
    return [int(row.split()[column]) for row in rows]


def advance_ms(dataset):
    """Takes a snapshot; how long the open group then still was the open one."""
    names, errors = ctypes.c_void_p(), ctypes.c_void_p()
    NVPAIR.nvlist_alloc(ctypes.byref(names), NV_UNIQUE_NAME, 0)
    NVPAIR.nvlist_add_boolean(names, f"{dataset}@probe-{time.time_ns()}".encode())
    began = now()
    failed = CORE.lzc_snapshot(names, None, ctypes.byref(errors))
    ended = now()
    if failed:
        sys.exit(f"txg-advance.py: lzc_snapshot of {dataset}: error {failed}")
    after = [birth for birth in births(dataset.split("/")[0]) if began < birth <= ended]
    if not after:
        sys.exit(f"txg-advance.py: no transaction group was born between {began} and {ended}")
    return (after[0] - began) / 1e6


def main():
    dataset = sys.argv[1]
    if CORE.libzfs_core_init():
        sys.exit("txg-advance.py: no access to ZFS")
    print(f"probe txg_advance_ms {advance_ms(dataset):.3f}")
    subprocess.run(["zpool", "sync", dataset.split("/")[0]], check=True)
    print(f"probe txg_advance_synced_ms {advance_ms(dataset):.3f}")


main()
