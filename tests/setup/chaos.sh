# Sourced by tests/run and tests/long: what the chaos suites hurt the program with.

want_chaos() {
    want strace has strace
    want iproute2 has ip
    want openssl has openssl
    want e2fsprogs has mkfs.ext4
    want faketime compgen -G '/usr/lib/*/faketime/libfaketimeMT.so.1'
}
