# Talking to the machine: one ssh connection, shared by all commands.
# shellcheck shell=bash disable=SC2154 # set by vm and common.sh

# ssh_setup IMAGE_DIR PORT
ssh_setup() {
    cat >"$run/ssh_config" <<EOF
Host vm
    HostName 127.0.0.1
    Port $2
    User root
    IdentityFile $1/client_key
    IdentitiesOnly yes
    IdentityAgent none
    HostKeyAlias mariasnap-vm
    UserKnownHostsFile $1/known_hosts
    GlobalKnownHostsFile /dev/null
    StrictHostKeyChecking yes
    BatchMode yes
    LogLevel ERROR
    ConnectTimeout 5
    ServerAliveInterval 5
    ServerAliveCountMax 6
    ControlPath $run/ssh
    # Post-quantum key exchange takes seconds under emulation and guards nothing on loopback.
    KexAlgorithms curve25519-sha256
    Ciphers aes128-gcm@openssh.com
EOF
}

# Opens the shared connection if it isn't open. The master gets no output of ours to hold on to:
# a caller reading our stderr to its end would wait for the master's.
ssh_open() {
    ssh_is_open || (
        flock 9
        ssh_is_open || ssh -F "$run/ssh_config" -M -N -f vm </dev/null >/dev/null 2>&1 9>&-
    ) 9>"$run/ssh.lock"
}

ssh_is_open() { ssh -F "$run/ssh_config" -O check vm >/dev/null 2>&1; }

ssh_close() { ssh -F "$run/ssh_config" -O exit vm >/dev/null 2>&1 || true; }

# guest [COMMAND...]: runs COMMAND, or a shell, as root in the machine.
guest() {
    machine_pid >/dev/null || die "not up; first: $0 up"
    ssh_open || die "the machine runs but ssh does not answer; its console: $console_log"
    ssh -F "$run/ssh_config" vm "$@"
}

push() {
    guest true
    scp -q -r -F "$run/ssh_config" "$1" "vm:$2"
}

pull() {
    guest true
    scp -q -r -F "$run/ssh_config" "vm:$1" "$2"
}

# script NAME [ARGUMENTS...]: runs tests/vm/guest/NAME in the machine, always in its present version.
script() {
    local file=$here/guest/$1
    [[ -f $file ]] || die "no script $file; there are: $(cd "$here/guest" && echo ./*)"
    shift
    guest bash -s -- "${@@Q}" <"$file"
}
