# How the image is made. All of this directory counts for the cache key.
# shellcheck shell=bash disable=SC2154 # set by vm and common.sh

# build DIR: everything happens in a temporary directory; only a whole image is renamed to DIR.
build() {
    local dir=$1 tmp log=$cache/build.log packages
    tmp=$(mktemp -d "$cache/building.XXXXXX")
    # shellcheck disable=SC2064 # the path as it is now
    trap "rm -rf --one-file-system '$tmp'" EXIT
    : >"$log"
    say "building the machine's image, about 5 minutes; log: $log"

    ssh-keygen -q -t ed25519 -N '' -C mariasnap-vm -f "$tmp/client_key"
    ssh-keygen -q -t ed25519 -N '' -C mariasnap-vm -f "$tmp/ssh_host_ed25519_key"
    echo "mariasnap-vm $(cat "$tmp/ssh_host_ed25519_key.pub")" >"$tmp/known_hosts"

    packages=$(grep -v '^#' "$recipe/packages" | paste -sd,)
    # No mirror is named: mmdebstrap's own default, or what the host's apt is configured for.
    KEYS=$tmp TMPDIR=$tmp logged "installing Debian 13 and compiling the ZFS module" "$log" \
        mmdebstrap --verbose --mode=root --variant=minbase --components=main,contrib --include="$packages" \
        --dpkgopt=force-unsafe-io --dpkgopt='path-exclude=/usr/share/man/*' \
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
        --customize-hook="$recipe/customize" trixie "$tmp/root"

    # mmdebstrap empties it at its very end, and without one every boot is a first boot: eight seconds more.
    tr -d - </proc/sys/kernel/random/uuid >"$tmp/root/etc/machine-id"
    ln -sf /etc/machine-id "$tmp/root/var/lib/dbus/machine-id"

    cp "$tmp"/root/boot/vmlinuz-* "$tmp/vmlinuz"
    cp "$tmp"/root/boot/initrd "$tmp/initrd"
    logged "writing the root file system" "$log" \
        mke2fs -q -t ext4 -O ^has_journal -E lazy_itable_init=0 -m 0 -d "$tmp/root" "$tmp/root.img" 6G
    rm -rf --one-file-system "$tmp/root"
    mv "$tmp" "$dir"
    trap - EXIT
    say "image is ready: $dir ($(du -sh "$dir" | cut -f 1))"
}
