# Sourced by tests/run: a Python environment of its own below the target folder, with the packages that
# tests/outside/requirements.txt pins.

want_python() { want python3-venv python3 -c 'import ensurepip, venv'; }

# Makes the environment in folder $1, or leaves it as it is where it already holds what is asked for.
prepare_python() {
    local folder=$1 wanted=tests/outside/requirements.txt
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        die "python3 is $(python3 --version 2>&1 || echo missing); the outside tests need Python 3.11 or newer"
    if cmp --quiet "$wanted" "$folder/installed.txt"; then return; fi
    say "installing the Python packages of $wanted"
    if python3 -c 'import ensurepip' 2>/dev/null; then
        python3 -m venv --clear "$folder" || die "python3 -m venv failed"
    else
        # Debian's python3 without python3-venv: pip runs from its own wheel.
        python3 -m venv --clear --without-pip "$folder" || die "python3 -m venv failed; install python3-venv"
        "$folder/bin/python" tests/setup/pip.py ||
            die "pip cannot be had from PyPI; install python3-venv"
    fi
    "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$wanted" ||
        die "pip could not install the packages of $wanted"
    cp "$wanted" "$folder/installed.txt"
}
