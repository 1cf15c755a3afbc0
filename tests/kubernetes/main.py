"""Checks the manifests, then that each break of them is found."""

import sys

import breaks
import rules
from manifests import Manifests
from program import Program


def faults(manifests, program, checks):
    return [f"{check.__name__}: {fault}" for check in checks for fault in check(manifests, program)]


def main():
    program, manifests = Program(sys.argv[1]), Manifests()
    found = faults(manifests, program, rules.ALL)
    for fault in found:
        print(f"FAULT {fault}")
    missed = 0
    for name, (check, expected, broken) in breaks.each(manifests):
        seen = faults(broken, program, [check])
        if not any(expected in fault for fault in seen):
            print(f"MISSED {name}: no {expected!r} in {seen}")
            missed += 1
    print(f"{sum(map(len, manifests.files.values()))} manifests, {len(found)} faults; {len(breaks.BREAKS)} breaks, {missed} missed")
    return bool(found or missed)


sys.exit(main())
