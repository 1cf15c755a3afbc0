#!/bin/bash
# In the test machine: bench.sh ROUNDS — every side in turn under one load; JSON on standard output.
set -euo pipefail
rounds=$1

cat >/usr/local/bin/side-ftwrl <<'END'
#!/bin/sh
# What people do today.
exec mariadb --abort-source-on-error <<SQL
FLUSH TABLES WITH READ LOCK;
system zfs snapshot tank/mysql@ftwrl-$(date +%s%N)
UNLOCK TABLES;
SQL
END
cat >/usr/local/bin/side-stage <<'END'
#!/bin/sh
# What the best of them do.
exec mariadb --abort-source-on-error <<SQL
BACKUP STAGE START;
BACKUP STAGE FLUSH;
BACKUP STAGE BLOCK_DDL;
BACKUP STAGE BLOCK_COMMIT;
system zfs snapshot tank/mysql@stage-$(date +%s%N)
BACKUP STAGE END;
SQL
END
cat >/usr/local/bin/side-bare <<'END'
#!/bin/sh
# No lock at all: the least that a snapshot costs.
exec zfs snapshot tank/mysql@bare-$(date +%s%N)
END
chmod 755 /usr/local/bin/side-*

# The helper is started, and polkit has been asked once, before anything is measured.
sed -i '/^last = /d' /etc/mariasnap/targets/main.toml
systemctl start mariasnap@main.service
ledger around --count "$rounds" --writers 4 \
    --side 'idle=sleep 1' \
    --side snapshot_only=side-bare \
    --side ftwrl_client=side-ftwrl \
    --side stage_cli=side-stage \
    --side 'exact=systemctl start mariasnap@main.service' >/run/gaps.json
mariasnap list main --json >/run/listed.json
# A side that took no snapshot has measured nothing.
for side in bare ftwrl stage; do
    (($(zfs list -H -o name -t snapshot tank/mysql | grep -c "@$side-") == rounds))
done
python3 - <<'END'
import json
import statistics

gaps = json.load(open("/run/gaps.json"))
sides = {
    name: {"n": gap["n"], "gap_ms_median": gap["median"], "gap_ms_p95": gap["p95"], "gap_ms_max": gap["max"]}
    for name, gap in gaps.items()
}
# The first was taken before the load began.
ours = [s for s in json.load(open("/run/listed.json"))["snapshots"] if s["state"] == "consistent"][1:]
holds = [float(snapshot["properties"]["hold-ms"]) for snapshot in ours]
assert len(holds) == sides["exact"]["n"], "a snapshot is missing"
sides["exact"]["hold_ms_median"] = statistics.median(holds)
sides["exact"]["hold_ms_max"] = max(holds)
print(json.dumps({"sides": sides}, indent=2))
END
