#!/bin/bash
# In the test machine: MariaDB's data directory on ZFS (pool tank on disk pool0, dataset tank/mysql),
# binlog and GTID on, server started. Can be run again: what is done stays done.
set -euo pipefail

disk=/dev/disk/by-id/virtio-pool0
pool=tank
dataset=$pool/mysql
datadir=/var/lib/mysql
config=/etc/mysql/mariadb.conf.d/90-mariasnap-vm.cnf
dropin=/etc/systemd/system/mariadb.service.d/no-table-check.conf

# step WHAT: begins a step; the time it took is printed when the next one begins.
began=${EPOCHREALTIME/./}
last=$began
what=
step() {
    local now=${EPOCHREALTIME/./}
    [[ -z $what ]] || printf '  %-52s %6.1f s\n' "$what" "$(((now - last) / 100000))e-1"
    last=$now what=$1
}

server_is_up() { mariadb --connect-timeout=2 -e 'select 1' >/dev/null 2>&1; }

step "load the ZFS module"
modprobe zfs

step "create the pool $pool"
zpool list "$pool" >/dev/null 2>&1 ||
    zpool create -o ashift=12 -O compression=lz4 -O mountpoint=none "$pool" "$disk"

step "create $dataset, move the data directory there"
if ! zfs list "$dataset" >/dev/null 2>&1; then
    systemctl stop mariadb.service
    # The package's own fresh data directory, copied in: faster than mariadb-install-db.
    rm -rf "$datadir.package"
    mv "$datadir" "$datadir.package"
    zfs create -o recordsize=16K -o xattr=sa -o atime=off -o mountpoint="$datadir" "$dataset"
    cp -a "$datadir.package/." "$datadir/"
    chown mysql:mysql "$datadir"
fi
mountpoint --quiet "$datadir"

step "start MariaDB"
wanted="[mariadbd]
server_id = 1
log_bin = mariadb-bin
binlog_format = ROW
gtid_strict_mode = ON
innodb_buffer_pool_size = 128M
innodb_log_file_size = 96M
# The certificate that the server would make at every start takes 12 s under emulation.
ssl = OFF

# Or else the client refuses a server without TLS, even on the socket.
[client]
ssl-verify-server-cert = OFF"
# Debian's start script goes on checking all tables in the background, amid the first test.
if [[ ! -e $dropin ]]; then
    mkdir -p "${dropin%/*}"
    printf '[Service]\nExecStartPost=\n' >"$dropin"
    systemctl daemon-reload
fi
if [[ $(cat "$config" 2>/dev/null) != "$wanted" ]]; then
    echo "$wanted" >"$config"
    systemctl stop mariadb.service
fi
systemctl start mariadb.service
for _ in {1..120}; do
    server_is_up && break
    sleep 0.5
done
server_is_up || { mariadb -e 'select 1'; journalctl --no-pager -n 40 -u mariadb.service; exit 1; }

step ""
printf '  %-52s %6.1f s\n' "together" "$(((last - began) / 100000))e-1"
