"""Clients that take a connection and give nothing for it, as a process of their own: so many of them, each opened
again as soon as it is closed.

    slow_clients.py PORT KIND[,KIND…] COUNT FIRST LAST

KIND: silent (never a byte), half-head (half a request's head, then a byte now and then), half-body (half a body, the
same), deaf (requests without end, and no answer is ever read). They come from the addresses 127.0.0.FIRST to LAST.
Prints a line once all are connected; ends when its standard input does, with a line that counts the connections made.
"""

import resource
import select
import socket
import sys
import time

HEAD = b"POST /v1/sources/helpdesk HTTP/1.1\r\nhost: surveyd\r\ncontent-type: application/json\r\n"
WORDS = {
    "silent": b"",
    "half-head": HEAD,
    "half-body": HEAD + b'content-length: 1000\r\n\r\n{"type": ',
    "deaf": b"GET /v1/sources/nobody HTTP/1.1\r\nhost: surveyd\r\n\r\n" * 200,
}
A_BYTE_EVERY = 1.0  # second


class Crowd:
    def __init__(self, port, kinds, count, addresses):
        self.port, self.kinds, self.count, self.addresses = port, kinds, count, addresses
        self.poll = select.epoll()
        self.open = {}  # by file descriptor: the socket and its kind
        self.made = 0

    def connect(self):
        number = self.made
        kind = self.kinds[number % len(self.kinds)]
        line = socket.socket()
        line.setblocking(False)
        if kind == "deaf":
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        line.setsockopt(socket.IPPROTO_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT: ports enough for all
        line.bind((f"127.0.0.{self.addresses[number % len(self.addresses)]}", 0))
        line.connect_ex(("127.0.0.1", self.port))
        self.made += 1
        self.open[line.fileno()] = (line, kind, number)
        self.poll.register(line, select.EPOLLOUT | select.EPOLLRDHUP)

    def close(self, descriptor):
        line, _, _ = self.open.pop(descriptor)
        line.close()

    def speak(self, descriptor):
        """A new connection says its words; a deaf client goes on saying them whenever there is room."""
        line, kind, _ = self.open[descriptor]
        try:
            line.send(WORDS[kind])
        except BlockingIOError:
            pass
        except OSError:
            self.close(descriptor)
            return
        if kind != "deaf":
            self.poll.modify(descriptor, select.EPOLLRDHUP | select.EPOLLIN)

    def trickle(self):
        for descriptor, (line, kind, _) in list(self.open.items()):
            if kind in ("half-head", "half-body"):
                try:
                    line.send(b"x")
                except BlockingIOError:
                    pass
                except OSError:
                    self.close(descriptor)

    def run(self):
        was_full, next_byte = False, time.monotonic() + A_BYTE_EVERY
        hurry = select.poll()
        hurry.register(sys.stdin, select.POLLIN | select.POLLHUP)
        while not hurry.poll(0):
            while len(self.open) < self.count:
                self.connect()
            if not was_full:
                was_full = True
                print("connected", flush=True)
            for descriptor, event in self.poll.poll(0.1):
                if descriptor not in self.open:
                    continue
                if event & ~select.EPOLLOUT:
                    self.close(descriptor)
                else:
                    self.speak(descriptor)
            if time.monotonic() > next_byte:
                next_byte += A_BYTE_EVERY
                self.trickle()
        print(self.made, flush=True)


if __name__ == "__main__":
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    port, kinds, count, first, last = sys.argv[1:]
    Crowd(int(port), kinds.split(","), int(count), range(int(first), int(last) + 1)).run()
