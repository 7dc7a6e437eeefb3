# Sourced by tests/run: promtool, which judges Prometheus' rules.

# Puts promtool below the target folder. It is taken out of Debian's package, whose installation would start a server.
# Without promtool its tests are not run.
prepare_promtool() {
    local folder=$target/tests-promtool
    if [ -x "$folder/usr/bin/promtool" ]; then return; fi
    say "fetching promtool (Debian's package prometheus)"
    rm -rf "$folder.new"
    mkdir -p "$folder.new"
    if (cd "$folder.new" && apt-get -qq download prometheus && dpkg-deb -x prometheus_*.deb .) >/dev/null 2>&1; then
        rm -f "$folder.new"/prometheus_*.deb
        rm -rf "$folder"
        mv "$folder.new" "$folder"
    else
        say "promtool cannot be had from apt"
    fi
}
