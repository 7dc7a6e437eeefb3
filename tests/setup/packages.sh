# Sourced by tests/run and tests/long: what the suites need of the machine, all of it looked for and brought in
# before the first one runs.

say() { printf '==> %s\n' "$*" >&2; }

die() {
    printf 'tests/run: %s\n' "$*" >&2
    exit 1
}

# Whether this is root, or sudo lets it be.
root_way=
may_be_root() {
    if [ -z "$root_way" ]; then
        root_way=none
        if [ "$(id -u)" -eq 0 ]; then
            root_way=root
        elif command -v sudo >/dev/null && { sudo -n true 2>/dev/null || { [ -t 0 ] && sudo -v; }; }; then
            root_way=sudo
        fi
    fi
    [ "$root_way" != none ]
}

as_root() { if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi; }

# The Debian packages that are missing.
missing=()

# Notes package $1 where the rest, a command, fails.
want() {
    local package=$1
    shift
    "$@" >/dev/null 2>&1 || missing+=("$package")
}

has() { command -v "$1" >/dev/null || [ -x "/usr/sbin/$1" ]; }

# Installs what is missing. Without root it says what root would have to type, and goes on: most suites can do
# without, and the tests that cannot are counted as not run.
install_missing() {
    if [ ${#missing[@]} -eq 0 ]; then return; fi
    local install="apt-get install --no-install-recommends --yes ${missing[*]}"
    if ! command -v apt-get >/dev/null; then
        say "missing here, and there is no apt to install them: ${missing[*]}"
    elif ! may_be_root; then
        say "missing here, to be installed by root: $install"
    else
        say "installing ${missing[*]}"
        keep_postgres_from_starting
        as_root apt-get -qq update &&
            as_root env DEBIAN_FRONTEND=noninteractive \
                apt-get -qq -o Dpkg::Use-Pty=0 install --no-install-recommends --yes "${missing[@]}" >/dev/null ||
            say "apt-get could not install all of: ${missing[*]}"
        let_postgres_start
    fi
}
