#!/bin/bash
# In the test machine: back to the state that every scenario starts from. What a scenario broke is mended here, so
# that a failed one doesn't fail the next. Under emulation each call of systemctl costs a tenth of a second, and half a
# second where it names a unit that systemd would have to load first: a pattern stands for those that are loaded.
# What it couldn't restore it says at the end: all else is restored nevertheless.
# tidy.sh [without-helper]: a helper whose configuration is what it was goes on, unless told otherwise.
set -uo pipefail

failed=()
trap 'failed+=("line $LINENO: $BASH_COMMAND")' ERR
shopt -s nullglob
helper=mariasnap-zfs-helper.service
config=/etc/mariasnap/zfs-helper.toml
undone=()
for masked in /etc/systemd/system/polkit.service /run/systemd/system/polkit.service; do
    if [[ -L $masked ]]; then undone+=("$masked"); fi
done
if [[ ${1-} == without-helper || ! -e $config || $config -nt /run/test-began ]]; then
    # At once, whatever it is at.
    if read -r pid </sys/fs/cgroup/system.slice/$helper/cgroup.procs; then kill -KILL "$pid" || true; fi 2>/dev/null
fi
# What has a process has a directory here, and the call costs as much as all of these lines.
running=(/sys/fs/cgroup/system.slice/{,*/}{ledger*,mariasnap*@*}.service)
if ((${#running[@]})); then systemctl stop 'ledger*.service' 'mariasnap*@*.service' 2>/dev/null; fi
if [[ -d /root/kept ]]; then
    # Emptied first: what a scenario added must go as well.
    rm -rf /etc/mariasnap/* /etc/polkit-1/rules.d/*
    cp -a /root/kept/. /
else
    mkdir /root/kept
    cp -a --parents /etc/mariasnap /etc/polkit-1/rules.d /root/kept
fi
claims=(/run/mariasnap/hooks/*.json)
if ((${#claims[@]})); then rm "${claims[@]}"; fi
undone+=(/run/systemd/system/mariasnap*.d)
if ((${#undone[@]})); then
    rm -r "${undone[@]}"
    systemctl daemon-reload
fi
snapshots=$(zfs list -H -o name,userrefs,clones -t snapshot -r tank)
if [[ -n $snapshots ]]; then
    while IFS=$'\t' read -r snapshot holds clones; do
        if ((holds)); then
            zfs holds -H "$snapshot" | while read -r _ tag _; do zfs release "$tag" "$snapshot"; done
        fi
        for clone in ${clones//,/ }; do
            if [[ $clone == */* ]]; then zfs destroy -f "$clone"; fi
        done
    done <<<"$snapshots"
    zfs destroy -r tank@%
fi
while read -r property; do
    if [[ $property == org.mariasnap:* ]]; then zfs inherit "$property" tank/mysql; fi
done < <(zfs get -H -o property -s local all tank/mysql)
systemctl reset-failed
systemctl start dbus.service polkit.service mariadb.service mariasnap-zfs-helper.socket
printf '%(%F %T)T\n' -1 >/run/test-began
if ((${#failed[@]})); then
    printf 'tidy.sh: %s\n' "${failed[@]}" >&2
    exit 1
fi
