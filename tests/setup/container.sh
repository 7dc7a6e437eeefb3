# Sourced by tests/run: the means to boot a systemd of its own, for the service test.

want_container() {
    # At the version of the systemd that is here, so that the running one is not replaced under way.
    local version package=systemd-container
    version=$(dpkg-query --show --showformat='${Version}' systemd 2>/dev/null) || version=
    if [ -n "$version" ] && apt-cache madison systemd-container 2>/dev/null | grep --quiet --fixed-strings " $version "; then
        package+="=$version"
    fi
    want "$package" has systemd-nspawn
}
