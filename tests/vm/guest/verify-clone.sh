#!/bin/bash
# In the test machine: verify-clone.sh SNAPSHOT — clones it, starts a second server on the clone, lets it recover, prints
# what `ledger audit` says of it as JSON, and takes both away again.
set -euo pipefail

snapshot=$1
clone=tank/verify
data=/run/verify/data
socket=/run/verify/mariadbd.sock
log=/run/verify/error.log

cleanup() {
    if [[ -n ${server:-} ]]; then
        # What it would still write goes with the clone.
        kill -KILL "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
    fi
    zfs destroy -f "$clone" 2>/dev/null || true
    rm -rf /run/verify
}
trap cleanup EXIT

install -d -o mysql -g mysql /run/verify
zfs clone -o mountpoint="$data" "tank/mysql@$snapshot" "$clone"
# No repair of tables as they are opened: one that needs it is to be seen.
# No TLS: the certificate that the server would make takes 12 s under emulation.
# Relative names only: with an absolute log_bin the index on the clone would point at the live binary logs.
mariadbd --no-defaults --user=mysql --datadir="$data" --socket="$socket" --pid-file=/run/verify/pid --skip-networking \
    --server-id=2 --log-bin=mariadb-bin --innodb-buffer-pool-size=64M \
    --ssl=OFF --myisam-recover-options=OFF --aria-recover-options=OFF >"$log" 2>&1 &
server=$!
for _ in {1..240}; do
    # Each start of the client costs half a second under emulation, and the socket comes after the recovery.
    [[ -S $socket ]] && mariadb --socket="$socket" -e 'SELECT 1' >/dev/null 2>&1 && break
    kill -0 "$server" || { cat "$log" >&2; exit 1; }
    sleep 0.25
done
ledger audit --socket "$socket"
