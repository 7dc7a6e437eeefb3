# Sourced by tests/run and tests/long: what the chaos suites hurt the program with.

prepare_chaos() {
    local missing=()
    command -v strace >/dev/null || missing+=(strace)
    command -v openssl >/dev/null || missing+=(openssl)
    if [ ${#missing[@]} -gt 0 ]; then apt_install "${missing[*]}" "${missing[@]}"; fi
}
