#!/bin/bash
# In the test machine: prepare.sh SIDE... — what the sides of the bench need: a target of its own for each of ours, all
# on the same dataset, each set up as a user would. Then each side is run once, so that none is measured cold.
set -euo pipefail

here=$(dirname "$(readlink -f "$0")")
config=/etc/mariasnap
rules=/etc/polkit-1/rules.d

# target SIDE: reads the [lock] section from standard input.
target() {
    cat >"$config/targets/$1.toml"
    # A machine that was kept has it already.
    grep -qxF "[targets.$1]" "$config/zfs-helper.toml" || cat >>"$config/zfs-helper.toml" <<END

[targets.$1]
datasets = [ { name = "tank/mysql" } ]
prefix = "$1"
END
    sed -e "s/\"main\"/\"$1\"/g; s/mariasnap@main/mariasnap@$1/g" \
        "$rules/50-mariasnap-main.rules" >"$rules/50-mariasnap-$1.rules"
}

mkdir -p /run/bench
mariasnap setup main --no-timer --no-snapshot
for side; do
    case $side in
    exact_full) printf '[lock]\nstrategy = "exact"\nearly_cut = false\n' | target "$side" ;;
    exact) printf '[lock]\nstrategy = "exact"\n' | target "$side" ;;
    online) printf '[lock]\nstrategy = "online"\n' | target "$side" ;;
    esac
done
# It reads its configuration when it starts, and polkit its rules a moment after they change.
systemctl stop mariasnap-zfs-helper.service
sleep 1
for side; do
    "$here/side.sh" "$side" || { journalctl --no-pager -n 20 -u "mariasnap@$side.service" >&2; exit 1; }
done
"$here/between.sh" "$@"
