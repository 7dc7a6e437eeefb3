"""A way to X that can be shut, or spoilt below HTTP: connections refused, TLS that fails."""

import socket
import ssl
import subprocess
import threading

from harness import free_port


class Gate:
    """Hands connections on to X. `context` has it speak TLS to whoever comes."""

    def __init__(self, to_port, context=None, at="127.0.0.1"):
        self.to_port = to_port
        self.context = context
        self.at = at
        self.port = free_port()
        self.spoil = None  # what happens to a new connection instead
        self.refused = 0
        self.listener = None
        self.connections = []

    def __enter__(self):
        self.open()
        return self

    def __exit__(self, *_):
        self.shut()
        for connection in self.connections:
            connection.close()

    def open(self):
        self.listener = socket.create_server((self.at, self.port), backlog=64)
        threading.Thread(target=self.accept, args=(self.listener,), daemon=True).start()

    def shut(self):
        """New connections are refused from now on; those that are there go on."""
        if self.listener:
            # Wakes the thread that waits in accept, which keeps the socket alive.
            self.listener.shutdown(socket.SHUT_RDWR)
            self.listener.close()
            self.listener = None

    def accept(self, listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            self.connections.append(connection)
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        try:
            if self.spoil:
                self.refused += 1
                self.spoil(connection)
                connection.close()
                return
            if self.context:
                connection = self.context.wrap_socket(connection, server_side=True)
            target = socket.create_connection(("127.0.0.1", self.to_port))
        except OSError:
            connection.close()
            return
        threading.Thread(target=carry, args=(connection, target), daemon=True).start()
        carry(target, connection)


def carry(source, target):
    try:
        while block := source.recv(65536):
            target.sendall(block)
    except OSError:
        pass
    for end in (source, target):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def certificates(folder, address="127.0.0.1"):
    """An authority, a certificate of it for this machine, and one that nobody vouches for."""
    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], check=True, capture_output=True, cwd=folder)

    new = ("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30")
    here = ("-subj", "/CN=x", "-addext", f"subjectAltName=IP:{address}", "-addext", "basicConstraints=critical,CA:FALSE")
    openssl(*new, "-subj", "/CN=authority", "-keyout", "authority.key", "-out", "authority.pem")
    vouched = ("-CA", "authority.pem", "-CAkey", "authority.key")
    openssl(*new, *here, *vouched, "-keyout", "x.key", "-out", "x.pem")
    openssl(*new, *here, "-keyout", "stranger.key", "-out", "stranger.pem")


def context(folder, name):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(folder / f"{name}.pem", folder / f"{name}.key")
    return made


# What may become of a TLS connection before a byte of the request has left.
def answers_in_the_clear(connection):
    connection.recv(4096)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def hangs_up(connection):
    connection.recv(4096)


def presents_a_stranger_s_certificate(folder):
    spoilt = context(folder, "stranger")

    def spoil(connection):
        try:
            spoilt.wrap_socket(connection, server_side=True).recv(1)
        except OSError:
            pass

    return spoil
