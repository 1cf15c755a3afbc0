#!/bin/sh
# In the test machine: side.sh SIDE — takes one snapshot of tank/mysql that way; its name begins with the side's.
set -eu

side=$1
snapshot="tank/mysql@$side-$(date +%s%N)"
# The server's own clock right before commits can stand still and right after they go on; nothing is added in between.
clock='SELECT UNIX_TIMESTAMP(SYSDATE(6));'
case $side in
# Nothing at all: what the load does by itself.
idle) exec sleep 1 ;;
# No lock: the least that a snapshot costs.
snapshot_only) exec zfs snapshot "$snapshot" ;;
# What people do.
ftwrl_client)
    exec mariadb -N --abort-source-on-error >"/run/bench/$side.clock" <<END
$clock
FLUSH TABLES WITH READ LOCK;
system zfs snapshot $snapshot
UNLOCK TABLES;
$clock
END
    ;;
# What the best of them do.
stage_cli)
    exec mariadb -N --abort-source-on-error >"/run/bench/$side.clock" <<END
BACKUP STAGE START;
BACKUP STAGE FLUSH;
BACKUP STAGE BLOCK_DDL;
$clock
BACKUP STAGE BLOCK_COMMIT;
system zfs snapshot $snapshot
BACKUP STAGE END;
$clock
END
    ;;
# Ours.
exact_full | exact | online) exec systemctl start "mariasnap@$side.service" ;;
*)
    echo "side.sh: no side '$side'" >&2
    exit 2
    ;;
esac
