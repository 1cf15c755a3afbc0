# The machine's image: built once per recipe, kept in the cache directory.
# shellcheck shell=bash disable=SC2154 # set by vm and common.sh

recipe=$here/image
# shellcheck source-path=SCRIPTDIR source=../image/build.sh
. "$recipe/build.sh"

# Path of the image directory for the recipe as it is now.
image_dir() {
    local key
    key=$(cd "$recipe" && find . -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum | cut -c 1-16)
    echo "$cache/$key"
}

image() {
    local dir
    dir=$(image_dir)
    if [[ -d $dir ]]; then
        say "image is there: $dir"
        return
    fi
    need mmdebstrap=mmdebstrap mke2fs=e2fsprogs ssh-keygen=openssh-client flock=util-linux
    ((UID == 0)) || die "building the image needs root: file owners in it are set with chown and chroot"
    mkdir -p "$cache"
    exec {lock}>"$cache/lock"
    flock --nonblock "$lock" || { say "another build is under way, waiting for it"; flock "$lock"; }
    [[ -d $dir ]] || build "$dir"
    exec {lock}>&-
}
