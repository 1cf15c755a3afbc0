# Life of the one machine of a run directory: up, down, status, monitor.
# shellcheck shell=bash disable=SC2154 # set by vm and common.sh

console_log=$run/console.log
patience=300

# Prints the machine's pid if it runs. A pid that now belongs to something else doesn't count.
machine_pid() {
    local pid
    pid=$(cat "$run/pid" 2>/dev/null) || return 1
    tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep --quiet --fixed-strings "$run/" || return 1
    echo "$pid"
}

# monitor COMMAND: one command of QEMU's human monitor, for instance 'system_reset'. Only 'info' has an answer: what any
# other says is why it failed.
monitor() {
    local answer
    [[ $1 != system_reset ]] || ssh_close
    answer=$(socat -t 2 - "UNIX-CONNECT:$run/monitor" <<<"$*" | tr -d '\r' | sed -e '/^QEMU /d' -e '/^(qemu)/d') ||
        die "QEMU can't be given '$*'"
    [[ -z $answer || $1 == info* ]] || die "QEMU says to '$*': $answer"
    [[ -z $answer ]] || printf '%s\n' "$answer"
}

# Two tests that both want the machine up must not both boot one. Held until this program ends.
lock_boots() {
    need qemu-system-x86_64=qemu-system-x86 qemu-img=qemu-utils socat=socat ssh=openssh-client flock=util-linux
    mkdir -p "$cache"
    [[ -z ${boot_lock:-} ]] || return 0
    exec {boot_lock}>"$cache/boot.lock"
    flock "$boot_lock"
}

up() {
    lock_boots
    if machine_pid >/dev/null; then
        say "already up: $(status)"
        return
    fi
    image
    begin "$(image_dir)"
    await_ready
    say "ready: ssh on 127.0.0.1:$(cat "$run/port"), run directory $run"
}

# begin DIR [KEPT]: a run directory and the machine in it, which may not be ready yet.
begin() {
    rm -rf "$run"
    mkdir -m 700 "$run"
    start "$@"
    ssh_setup "$1" "$(cat "$run/port")"
}

# start DIR [KEPT]: boots the image in DIR with fresh data disks, or goes on from KEPT. The image itself is never written.
start() {
    local dir=$1 kept=${2:-} accel options
    accel=$(accelerator "$dir")
    mapfile -t options < <(accelerator_options "$accel")
    if [[ -n $kept ]]; then
        for disk in root.qcow2 pool0.raw pool1.raw; do cp --sparse=always "$kept/$disk" "$run/"; done
        options+=(-incoming "exec:cat '$kept/state'")
    else
        qemu-img create -q -f qcow2 -F raw -b "$dir/root.img" "$run/root.qcow2"
        if [[ -n ${MARIASNAP_VM_POOL0:-} ]]; then
            cp --sparse=always "$MARIASNAP_VM_POOL0" "$run/pool0.raw"
        else
            truncate -s 6G "$run/pool0.raw"
        fi
        truncate -s 2G "$run/pool1.raw"
    fi
    say "${kept:+going on from where one was kept, not }booting ($accel), console: $console_log"
    qemu-system-x86_64 "${options[@]}" -machine q35,sata=off,smbus=off -smp "${MARIASNAP_VM_CPUS:-2}" -m 3072 \
        -name mariasnap-vm -nodefaults -no-user-config -display none \
        -daemonize -pidfile "$run/pid" \
        -serial "file:$console_log" -monitor "unix:$run/monitor,server=on,wait=off" \
        -kernel "$dir/vmlinuz" -initrd "$dir/initrd" \
        -append "root=/dev/vda rw console=ttyS0 net.ifnames=0 mitigations=off nokaslr loglevel=4 $(accelerator_kernel "$accel") ${MARIASNAP_VM_KERNEL_ARGS:-}" \
        -drive "if=none,id=root,file=$run/root.qcow2,format=qcow2,cache=unsafe" \
        -device virtio-blk-pci,drive=root,serial=root \
        -drive "if=none,id=pool0,file=$run/pool0.raw,format=raw,cache=unsafe,discard=unmap" \
        -device virtio-blk-pci,drive=pool0,serial=pool0 \
        -drive "if=none,id=pool1,file=$run/pool1.raw,format=raw,cache=unsafe,discard=unmap" \
        -device virtio-blk-pci,drive=pool1,serial=pool1 \
        -device virtio-serial-pci -chardev "socket,id=agent,path=$run/agent,server=on,wait=off" \
        -device virtserialport,chardev=agent,name=org.qemu.guest_agent.0 \
        -netdev user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:0-:22 \
        -device virtio-net-pci,netdev=net,romfile= {boot_lock}>&- ||
        die "qemu-system-x86_64 did not start, see above"
    # Port 0 let the kernel choose a free one; QEMU says which.
    monitor info usernet | awk '/HOST_FORWARD/ {print $4}' >"$run/port"
    [[ -s $run/port ]] || die "QEMU names no forwarded port"
}

# Ready is: ssh answers, and systemd has started all it wanted to. Also for after a reboot.
await_ready() {
    local state began=$SECONDS told=$SECONDS
    until ssh_open; do
        machine_pid >/dev/null || not_ready "QEMU ended"
        ((SECONDS - began < patience)) || not_ready "no ssh after $patience s"
        ((SECONDS - told < 5)) || { told=$SECONDS; say "  ... waiting for ssh"; }
        sleep 0.3
    done
    say "ssh answers, waiting for the rest of the boot"
    # A degraded system is usable: which unit failed is for the tests to judge.
    state=$(guest timeout "$patience" systemctl is-system-running --wait || true)
    [[ $state == running || $state == degraded ]] || not_ready "systemd says '$state'"
    [[ $state == running ]] || say "degraded: $(guest systemctl --failed --plain --no-legend | awk '{printf "%s ", $1}')"
}

not_ready() {
    say "the machine did not get ready: $1; end of its console ($console_log):"
    tail -n 40 "$console_log" >&2
    die "left as it is for inspection; 'vm down' removes it"
}

down() {
    local pid
    if pid=$(machine_pid); then
        ssh_close
        # What doesn't go by itself is killed.
        (monitor quit) || true
        for _ in {1..50}; do
            machine_pid >/dev/null || break
            sleep 0.1
        done
        if machine_pid >/dev/null; then
            kill -KILL "$pid"
        fi
        say "down"
    else
        say "not up"
    fi
    rm -rf "$run"
}

status() {
    local pid
    pid=$(machine_pid) || { echo "down"; return 1; }
    echo "up, pid $pid, ssh on 127.0.0.1:$(cat "$run/port"), run directory $run"
}
