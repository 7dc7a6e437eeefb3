"""File systems of a test's own: one in memory that can be filled, one in a file whose power can be cut."""

import shutil
import subprocess
import threading
from contextlib import contextmanager

import needs

# The kernel gives a loop device to whoever asks first; two that ask at once may be told of the same.
loops = threading.Lock()


def require_root():
    needs.root("mounts file systems of its own")


def command(*arguments):
    outcome = subprocess.run(arguments, capture_output=True, text=True)
    assert outcome.returncode == 0, f"{' '.join(map(str, arguments))}: {outcome.stderr.strip()}"


@contextmanager
def mounted(folder, *how):
    folder.mkdir(parents=True, exist_ok=True)
    with loops:
        command("mount", *how, folder)
    try:
        yield folder
    finally:
        # Lazily: whoever still has a file open there must not keep the rest of the tests from going on.
        command("umount", "--lazy", folder)


def in_memory(folder, kilobytes):
    return mounted(folder, "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs")


def in_file(folder, image):
    return mounted(folder, "-t", "ext4", "-o", "loop", image)


def make_image(image, megabytes):
    with open(image, "wb") as file:
        file.truncate(megabytes << 20)
    mkfs = shutil.which("mkfs.ext4") or "/usr/sbin/mkfs.ext4"
    command(mkfs, "-q", "-F", image)


def copy_sparse(source, target):
    command("cp", "--sparse=always", source, target)


def fill(folder):
    """Takes all the room that is left; gives the file that does."""
    ballast = folder / "ballast"
    with open(ballast, "ab", buffering=0) as file:
        for size in (65536, 4096, 1):
            try:
                while True:
                    file.write(b"\0" * size)
            except OSError:
                pass
    return ballast
