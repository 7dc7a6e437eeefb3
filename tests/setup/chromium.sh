# Sourced by tests/run: a browser for the pages, and axe, which judges whether everybody can use them.

# A wheel that holds axe.min.js (pypi.org/project/axe-playwright-python). Its Python code and what that needs are left.
axe_wheel="axe-playwright-python==0.1.8" # axe 4.12.1

want_chromium() {
    # Ubuntu's package of that name is a stub of the snap. Its runners bring Chrome.
    want chromium find_chromium
    want fonts-dejavu-core compgen -G '/usr/share/fonts/*/*'
}

find_chromium() { has chromium || has chromium-browser || has google-chrome; }

# Puts axe below the target folder. Needs the Python environment in folder $1. Without axe its tests are not run.
prepare_axe() {
    local python=$1/bin/python folder=$target/tests-axe
    if [ "$(cat "$folder/installed.txt" 2>/dev/null)" = "$axe_wheel" ]; then return; fi
    say "fetching axe from PyPI ($axe_wheel)"
    rm -rf "$folder" "$folder.new"
    if "$python" -m pip download --quiet --disable-pip-version-check --no-deps --dest "$folder.new" "$axe_wheel" &&
        "$python" -m zipfile --extract "$folder.new"/*.whl "$folder.new"; then
        rm "$folder.new"/*.whl
        printf '%s\n' "$axe_wheel" >"$folder.new/installed.txt"
        mv "$folder.new" "$folder"
    else
        say "axe cannot be had from PyPI"
    fi
}
