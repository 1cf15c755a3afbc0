#!/bin/bash
# In the test machine: between.sh SIDE... — after a round of the bench: sees that each side took its snapshot, notes in
# /run/bench/notes (lines of NAME KEY VALUE) how long it held commits where that is known, times the pool, and clears
# the snapshots away. Recent destroys inflate transaction groups, so all of them are over before the next round begins.
set -euo pipefail

here=$(dirname "$(readlink -f "$0")")
notes=/run/bench/notes
declare -A taken

# check SIDE STATE LOCK HOLD_MS UNLOCK_TXG: one of ours.
check() {
    local side=$1 state=$2 lock=$3 hold=$4 early=0
    [[ $state == consistent && $lock == "${side%_full}" ]] ||
        { echo "between.sh: the snapshot of $side is $state, its lock $lock" >&2; exit 1; }
    [[ $5 == - ]] || early=1
    printf '%s\n' "$side hold_ms $hold" "$side early $early" >>$notes
}

while IFS=$'\t' read -r name state lock hold unlock; do
    side=${name#*@}
    side=${side%%-*}
    taken[$side]=$((${taken[$side]:-0} + 1))
    case $side in
    exact_full | exact | online) check "$side" "$state" "$lock" "$hold" "$unlock" ;;
    ftwrl_client | stage_cli)
        awk -v side="$side" 'NR == 1 {from = $1} END {if (NR != 2) exit 1; printf "%s hold_ms %.3f\n", side, ($1 - from) * 1000}' \
            "/run/bench/$side.clock" >>$notes
        ;;
    esac
done < <(zfs list -H -t snapshot \
    -o name,org.mariasnap:state,org.mariasnap:lock,org.mariasnap:hold-ms,org.mariasnap:unlock-txg tank/mysql)
# A side that took no snapshot has measured nothing.
for side; do
    [[ $side == idle ]] || ((${taken[$side]:-0} == 1)) ||
        { echo "between.sh: $side left ${taken[$side]:-0} snapshots" >&2; exit 1; }
done

"$here/txg-advance.py" tank/mysql >>$notes
zfs destroy tank/mysql@%
zpool sync tank
zpool sync tank
# Each start counts towards a unit's start limit, which is for units that fail.
systemctl reset-failed
sleep 1
