#!/bin/bash
# In the test machine: around.sh ROUNDS TABLES SIDE... — all sides in turn under one load; what it felt as JSON on
# standard output, /run/bench/notes has the rest.
set -euo pipefail

here=/root/bench
rounds=$1 tables=$2
shift 2
sides=()
for side; do
    sides+=(--side "$side=$here/side.sh $side")
done
# Opened before each side in turn: the one before has closed them.
((tables == 0)) || sides+=(--before "$here/tables.sh open")
: >/run/bench/notes
ledger around --count "$rounds" "${sides[@]}" --between "$here/between.sh $*"
