# Sourced by tests/run: a Python environment of its own below the target folder, with the packages that
# tests/outside/requirements.txt pins.

# Makes the environment in folder $1, or leaves it as it is where it already holds what is asked for.
prepare_python() {
    local folder=$1 wanted=tests/outside/requirements.txt
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        die "python3 is $(python3 --version 2>&1 || echo missing); the outside tests need Python 3.11 or newer"
    if cmp --quiet "$wanted" "$folder/installed.txt"; then return; fi
    python3 -c 'import ensurepip, venv' 2>/dev/null || apt_install "Python's venv module" python3-venv
    say "installing the Python packages of $wanted"
    python3 -m venv --clear "$folder" || die "python3 -m venv failed"
    "$folder/bin/pip" install --quiet --disable-pip-version-check --requirement "$wanted" ||
        die "pip could not install the packages of $wanted"
    cp "$wanted" "$folder/installed.txt"
}
