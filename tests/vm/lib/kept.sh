# A machine whose database lies on ZFS, kept as it stood, beside its image: under emulation the boot and the move of the
# database are most of a minute of a processor, each time the same.
# shellcheck shell=bash disable=SC2154 # set by vm and common.sh

# kept_dir DIR: where a machine of the image in DIR is kept; elsewhere for all that makes another machine of it.
kept_dir() {
    local key
    key=$({
        qemu-system-x86_64 --version
        cat "$here/lib/"*.sh "$here/guest/zfs-mariadb.sh"
        printf '%s\n' "$(accelerator "$1")" "${MARIASNAP_VM_CPUS:-2}" "${MARIASNAP_VM_KERNEL_ARGS:-}"
    } | sha256sum | cut -c 1-16)
    printf '%s/kept-%s\n' "$1" "$key"
}

database() {
    local dir kept
    lock_boots
    image
    dir=$(image_dir)
    kept=$(kept_dir "$dir")
    if [[ -d $kept ]] && ! machine_pid >/dev/null; then
        go_on "$dir" "$kept"
        return
    fi
    up
    script zfs-mariadb.sh
    [[ -d $kept ]] || keep "$kept"
}

# keep KEPT: the machine stands still until all of it is written; only a whole one is ever found.
keep() {
    local kept=$1 new
    new=$(mktemp -d "$kept.XXXXXX")
    say "keeping this machine in $kept"
    guest sync
    # The kept one has nobody at the other end of a connection.
    ssh_close
    monitor stop >/dev/null
    monitor migrate_set_parameter max-bandwidth 8G >/dev/null
    monitor "migrate -d \"exec:cat >'$new/state'\"" >/dev/null
    await_monitor 'info migrate' 'Migration status: completed'
    cp --sparse=always "$run/"{root.qcow2,pool0.raw,pool1.raw} "$new/"
    monitor cont >/dev/null
    mv -T "$new" "$kept"
    # Of old scripts, or given up halfway.
    find "${kept%/*}" -maxdepth 1 -name 'kept-*' ! -path "$kept" -mtime +14 -exec rm -rf {} +
}

# go_on DIR KEPT
go_on() {
    begin "$@"
    await_monitor 'info status' 'VM status: paused$'
    monitor cont >/dev/null
    await_ready
    guest date --set "@$(date +%s)" >/dev/null
    say "ready: ssh on 127.0.0.1:$(cat "$run/port"), run directory $run"
}

# await_monitor COMMAND PATTERN: until QEMU's answer to COMMAND has a line with PATTERN.
await_monitor() {
    local answer
    for _ in {1..3000}; do
        answer=$(monitor "$1")
        ! grep --quiet "$2" <<<"$answer" || return 0
        sleep 0.1
    done
    die "QEMU's '$1' doesn't come to '$2': $answer"
}
