# Sourced by tests/run: the means to boot a systemd of its own, for the service test.

prepare_container() {
    if command -v systemd-nspawn >/dev/null; then return; fi
    # At the version of the systemd that is here, so that the running one is not replaced under way.
    local version
    version=$(dpkg-query --show --showformat='${Version}' systemd 2>/dev/null) || version=
    if [ -n "$version" ] && apt-cache madison systemd-container 2>/dev/null | grep --quiet --fixed-strings " $version "; then
        apt_install "systemd-nspawn (package systemd-container)" "systemd-container=$version"
    else
        apt_install "systemd-nspawn (packages systemd and systemd-container)" systemd systemd-container
    fi
}
