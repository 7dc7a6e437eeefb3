# Sourced by tests/run: what makes and judges the Debian package, for the service test.

want_package() {
    want dpkg-dev has dpkg-shlibdeps
    want binutils has strip
    want lintian has lintian
    # The package depends on them, and is installed without a network.
    want ca-certificates test -e /usr/sbin/update-ca-certificates
}
