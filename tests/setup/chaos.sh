# Sourced by tests/run and tests/long: what the chaos suites hurt the program with.

prepare_chaos() {
    local missing=()
    command -v strace >/dev/null || missing+=(strace)
    command -v ip >/dev/null || missing+=(iproute2)
    command -v openssl >/dev/null || missing+=(openssl)
    command -v mkfs.ext4 >/dev/null || [ -x /usr/sbin/mkfs.ext4 ] || missing+=(e2fsprogs)
    compgen -G '/usr/lib/*/faketime/libfaketimeMT.so.1' >/dev/null || missing+=(faketime)
    if [ ${#missing[@]} -gt 0 ]; then apt_install "${missing[*]}" "${missing[@]}"; fi
}
