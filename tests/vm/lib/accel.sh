# KVM where it works, emulation (TCG) elsewhere.
# shellcheck shell=bash disable=SC2154 # set by vm and common.sh

# accelerator DIR: prints kvm or tcg. A KVM device can exist and still hang a guest in its first
# instructions (nested virtualisation), so it counts only once a kernel of DIR has come as far as
# missing its root disk. The answer is remembered for as long as the host's kernel stays the same.
accelerator() {
    local dir=$1 memo=$cache/accelerator answer=tcg
    if [[ -n ${MARIASNAP_VM_ACCEL:-} ]]; then
        echo "$MARIASNAP_VM_ACCEL"
        return
    fi
    [[ -w /dev/kvm ]] || { echo tcg; return; }
    if [[ -f $memo && $(cut -d' ' -f2- "$memo") == "$(uname -rv)" ]]; then
        cut -d' ' -f1 "$memo"
        return
    fi
    say "trying KVM (at most 8 s, once per host kernel)"
    if timeout --kill-after=1 8 qemu-system-x86_64 -accel kvm -cpu host -m 256 -nodefaults \
        -no-user-config -display none -no-reboot -serial stdio -kernel "$dir/vmlinuz" \
        -append 'console=ttyS0 panic=-1' </dev/null 2>&1 | grep --quiet 'Unable to mount root fs'; then
        answer=kvm
    fi
    say "KVM $([[ $answer == kvm ]] && echo works || echo 'does not work here: emulating, remembered in' "$memo")"
    echo "$answer $(uname -rv)" >"$memo"
    echo "$answer"
}

# accelerator_kernel ACCEL: what the kernel's command line has for it. Where a program lies elsewhere each time it is
# started, the emulator translates all of it each time, which is most of what a start costs.
accelerator_kernel() {
    [[ $1 != tcg ]] || echo norandmaps
}

# accelerator_options ACCEL: one QEMU option a line.
accelerator_options() {
    case $1 in
    kvm) printf '%s\n' -accel kvm -cpu host ;;
    # The fewer features a processor has, the fewer an emulated one is slow at: string functions written for AVX are.
    tcg) printf '%s\n' -accel tcg,thread=multi -cpu Nehalem ;;
    *) die "MARIASNAP_VM_ACCEL must be kvm or tcg, not '$1'" ;;
    esac
}
