# Shared by all parts of tests/vm/vm: paths, progress lines, checks of the host.
# shellcheck shell=bash disable=SC2034 # used by the other parts

cache=${XDG_CACHE_HOME:-$HOME/.cache}/mariasnap/vm
run=${MARIASNAP_VM_RUN:-/tmp/mariasnap-vm-$UID}

# say WORDS...: a progress line with the seconds since the command began.
say() { printf '[%4ds] %s\n' "$SECONDS" "$*" >&2; }

die() { printf 'vm: %s\n' "$*" >&2; exit 1; }

# need COMMAND=PACKAGE...: names every missing command's Debian package at once.
need() {
    local pair missing=()
    for pair in "$@"; do
        PATH=$PATH:/usr/sbin:/sbin command -v "${pair%%=*}" >/dev/null || missing+=("${pair#*=}")
    done
    ((${#missing[@]} == 0)) || die "missing on this machine, install with: apt-get install ${missing[*]}"
}

# logged WHAT LOG COMMAND...: runs COMMAND with its output in LOG, showing its last line every 15 s.
logged() {
    local what=$1 log=$2 pid status=0 ticks=0
    shift 2
    say "$what"
    "$@" >>"$log" 2>&1 &
    pid=$!
    while kill -0 "$pid" 2>/dev/null; do
        sleep 1
        ((++ticks % 15)) || say "  ... $(tail -n 1 "$log" | tr -cd '[:print:]' | cut -c 1-90)"
    done
    wait "$pid" || status=$?
    ((status == 0)) || { tail -n 25 "$log" >&2; die "$what: failed with status $status, whole log: $log"; }
}
