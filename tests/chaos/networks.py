"""A machine of its own for one program: a network namespace with two cables, each of which can be pulled."""

import os
import subprocess
from itertools import count

import needs

numbers = count()


def ip(*arguments):
    subprocess.run(["ip", *map(str, arguments)], check=True, capture_output=True, text=True)


class Cable:
    """From this machine to the namespace, by a switch: pulled there, both ends still look connected."""

    def __init__(self, namespace, name, net):
        self.switch, self.here, self.there = f"{name}s", f"{name}h", f"{name}t"
        self.address, self.other_address = f"{net}.1", f"{net}.2"
        ip("link", "add", self.switch, "type", "bridge")
        ip("address", "add", f"{self.address}/30", "dev", self.switch)
        ip("link", "add", self.here, "type", "veth", "peer", "name", self.there, "netns", namespace)
        ip("link", "set", self.here, "master", self.switch)
        for link in (self.here, self.switch):
            ip("link", "set", link, "up")
        ip("-n", namespace, "address", "add", f"{self.other_address}/30", "dev", self.there)
        ip("-n", namespace, "link", "set", self.there, "up")

    def pull(self):
        ip("link", "set", self.here, "nomaster")

    def plug_in(self):
        ip("link", "set", self.here, "master", self.switch)

    def remove(self):
        ip("link", "del", self.here)
        ip("link", "del", self.switch)


class Machine:
    """Its database and whatever else it talks with are reached over different cables."""

    def __init__(self):
        needs.root("makes network namespaces")
        needs.program("ip", "iproute2")
        number = next(numbers)
        self.name = f"surveyd-{os.getpid()}-{number}"
        ip("netns", "add", self.name)
        # Of the addresses for measuring devices (RFC 2544), which nothing else uses; names have 15 characters at most.
        short = f"s{os.getpid() % 100_000}{number % 10}"
        self.database = Cable(self.name, f"{short}d", f"198.18.{2 * number}")
        self.rest = Cable(self.name, f"{short}r", f"198.18.{2 * number + 1}")
        ip("-n", self.name, "link", "set", "lo", "up")

    @property
    def under(self):
        """Before a command, this runs it there."""
        return ("ip", "netns", "exec", self.name)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.database.remove()
        self.rest.remove()
        ip("netns", "del", self.name)
