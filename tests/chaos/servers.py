"""PostgreSQL servers of a test's own: restored, promoted, stopped, hung. On loopback, ended with the test."""

import glob
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from harness import free_port, wait_until


def programs():
    """The folder of initdb and postgres, the newest version first."""
    found = [*glob.glob("/usr/lib/postgresql/*/bin"), *glob.glob("/usr/pgsql-*/bin")]
    found = sorted(found, key=lambda folder: [int(part) for part in folder.split("/") if part.isdigit()], reverse=True)
    found += [str(Path(path).parent) for path in [shutil.which("postgres")] if path]
    chosen = os.environ.get("SURVEYD_PG_BIN") or next(iter(found), None)
    assert chosen, "no PostgreSQL server's programs; tests/run installs them"
    return Path(chosen)


def owner():
    """initdb and postgres refuse root: as whom they run instead."""
    if os.getuid() != 0:
        return {}
    import pwd

    names = {entry.pw_name for entry in pwd.getpwall()}
    name = "postgres" if "postgres" in names else "nobody"
    return {"user": name, "group": pwd.getpwnam(name).pw_gid, "extra_groups": []}


class Server:
    """One server with a database cluster of its own, or a copy of another's that follows it, or one yet to be made."""

    def __init__(self, follows=None, addresses=("127.0.0.1",), is_made=True):
        self.addresses = addresses
        self.bin = programs()
        self.port = free_port()
        self.process = None
        # Not below the test's folder, which another user may not enter.
        self.folder = Path(tempfile.mkdtemp(prefix="surveyd-server.", dir="/var/tmp"))
        self.data = self.folder / "data"
        if owner():
            shutil.chown(self.folder, owner()["user"], owner()["group"])
        if not is_made:
            return
        if follows is None:
            self.program("initdb", "--pgdata", self.data, "--username=surveyd", "--auth=trust", "--encoding=UTF8",
                         "--locale=C")  # fmt: skip
            for address in addresses:
                with open(self.data / "pg_hba.conf", "a") as rules:
                    rules.write(f"host all all {address}/30 trust\n")
        else:
            self.program("pg_basebackup", "--pgdata", self.data, "--write-recovery-conf", "--checkpoint=fast",
                         "--dbname", follows.url("postgres"))  # fmt: skip

    def program(self, name, *arguments):
        return subprocess.run(
            [self.bin / name, *arguments], check=True, capture_output=True, cwd=self.folder, text=True, **owner()
        ).stdout

    def url(self, database="surveyd", address="127.0.0.1"):
        return f"postgres://surveyd@{address}:{self.port}/{database}"

    def start(self, port=None, *, waits=True):
        self.port = port or self.port
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(
                [self.bin / "postgres", "-D", self.data, "-p", str(self.port), "-c", f"listen_addresses={','.join(self.addresses)}",
                 "-c", "unix_socket_directories=", "-c", "fsync=on", "-c", "max_connections=100"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder, **owner(),
            )  # fmt: skip
        if waits:
            wait_until("the server answers", self.answers)

    def answers(self):
        assert self.process.poll() is None, (self.folder / "log").read_text()[-3000:]
        return self.psql("select 1", database="postgres", check=False).returncode == 0

    def psql(self, sql, database="surveyd", check=True):
        return subprocess.run(
            [self.bin / "psql", "--quiet", "--tuples-only", "--no-align", self.url(database), "--command", sql],
            check=check, capture_output=True, text=True,
        )  # fmt: skip

    def ask(self, sql, database="surveyd"):
        return self.psql(sql, database).stdout.strip()

    def stop(self, how=signal.SIGINT):
        """SIGINT: fast; SIGQUIT: as by a crash."""
        if self.process:
            self.process.send_signal(how)
            self.process.wait(timeout=60)
            self.process = None

    def promote(self):
        self.program("pg_ctl", "promote", "--pgdata", self.data, "--wait")

    def processes(self):
        """The server's own process and all its children."""
        children = subprocess.run(["pgrep", "--parent", str(self.process.pid)], capture_output=True, text=True).stdout
        return [self.process.pid, *map(int, children.split())]

    def hang(self):
        """Answers nothing from now on, with its connections open."""
        self.hung = self.processes()
        for pid in self.hung:
            os.kill(pid, signal.SIGSTOP)

    def go_on(self):
        for pid in getattr(self, "hung", []):
            try:
                os.kill(pid, signal.SIGCONT)
            except ProcessLookupError:
                pass
        self.hung = []

    def dump(self, into):
        """What `pg_dump` keeps of the database."""
        into.write_bytes(
            subprocess.run([self.bin / "pg_dump", "--format=custom", self.url()], check=True, capture_output=True).stdout
        )

    def restore(self, dump):
        """Puts a dump in the place of the database, whoever is connected."""
        self.psql("drop database surveyd with (force)", database="postgres")
        self.psql("create database surveyd", database="postgres")
        subprocess.run([self.bin / "pg_restore", "--dbname", self.url(), dump], check=True, capture_output=True)

    def restore_in_place(self, dump):
        """Puts a dump into the database as it is, all in one transaction, whoever is connected."""
        subprocess.run(
            [self.bin / "pg_restore", "--clean", "--if-exists", "--single-transaction", "--dbname", self.url(), dump],
            check=True, capture_output=True,
        )  # fmt: skip

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.go_on()
        try:
            self.stop()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)


def at_work_on_it(*addresses):
    """A server that is up, with an empty database; also at these addresses."""
    server = Server(addresses=("127.0.0.1", *addresses))
    server.start()
    server.psql("create database surveyd", database="postgres")
    return server


def frozen_in_a_transaction(surveyd, server, seconds=60):
    """Stops the process of `surveyd` while one of its connections is inside a transaction."""
    address = f"select count(*) from pg_stat_activity where state = 'idle in transaction' and datname = 'surveyd' \
               and client_port in ({{}})"
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        os.kill(surveyd.process.pid, signal.SIGSTOP)
        ports = ports_of(surveyd.process.pid)
        if ports and int(server.ask(address.format(",".join(ports)))) > 0:
            return
        os.kill(surveyd.process.pid, signal.SIGCONT)
        time.sleep(0.003)
    raise AssertionError(f"not caught in a transaction within {seconds} s")


def ports_of(pid):
    """The local ports of a process's TCP connections."""
    inodes = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = os.readlink(link)
        except OSError:
            continue
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    ports = []
    for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[9] in inodes:
            ports.append(str(int(fields[1].split(":")[1], 16)))
    return ports
