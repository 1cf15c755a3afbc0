#!/bin/bash
# In the test machine: back to the state that every scenario starts from. What a scenario broke is mended here, so
# that a failed one doesn't fail the next.
set -uo pipefail

systemctl unmask polkit.service 2>/dev/null
systemctl start polkit.service
systemctl stop ledger.service 2>/dev/null
systemctl stop mariasnap@main.service mariasnap@other.service 2>/dev/null
systemctl kill --signal=KILL mariasnap-zfs-helper.service 2>/dev/null
systemctl stop mariasnap-zfs-helper.service 2>/dev/null
systemctl reset-failed
systemctl restart mariasnap-zfs-helper.socket
rm -rf /run/systemd/system/mariasnap@.service.d /run/systemd/system/mariasnap-zfs-helper.service.d
if [[ -d /root/etc-mariasnap ]]; then
    # Emptied first: what a scenario added must go as well.
    rm -rf /etc/mariasnap/* /etc/polkit-1/rules.d/*
    cp -a /root/etc-mariasnap/. /etc/mariasnap/
    cp -a /root/rules.d/. /etc/polkit-1/rules.d/
else
    cp -a /etc/mariasnap /root/etc-mariasnap
    cp -a /etc/polkit-1/rules.d /root/rules.d
fi
systemctl daemon-reload
zfs list -H -o name -t snapshot -r tank | while read -r snapshot; do
    zfs holds -H "$snapshot" | while read -r _ tag _; do zfs release "$tag" "$snapshot"; done
    zfs get -H -o value clones "$snapshot" | tr ',' '\n' | grep . | while read -r clone; do zfs destroy -f "$clone"; done
    zfs destroy "$snapshot"
done
zfs inherit org.mariasnap:target tank/mysql
zfs inherit org.mariasnap:state tank/mysql
systemctl start mariadb.service
date '+%F %T' >/run/test-began
exit 0
