# Sourced by tests/run: what every step of it needs, and how it brings in a missing package.

say() { printf '==> %s\n' "$*" >&2; }

die() {
    printf 'tests/run: %s\n' "$*" >&2
    exit 1
}

# Runs a command as root. Without root and without sudo it says what would have been run.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        die "neither root nor sudo: run this as root, then start again: $*"
    fi
}

# Installs Debian packages. The first argument says what is missing, in words, for a machine without apt.
apt_lists_are_fresh=no
apt_install() {
    local missing=$1
    shift
    command -v apt-get >/dev/null || die "$missing is missing and there is no apt here; install it and start again"
    if [ "$apt_lists_are_fresh" = no ]; then
        say "reading the package lists"
        as_root apt-get -qq update || die "apt-get update failed; $missing cannot be installed"
        apt_lists_are_fresh=yes
    fi
    say "installing $missing: $*"
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get -qq -o Dpkg::Use-Pty=0 install --no-install-recommends --yes "$@" >/dev/null ||
        die "apt-get could not install $*"
}
