"""docs/backup.md as whoever follows it types it: each block behind `<!-- test: NAME -->` is run as it stands there."""

import os
import re
import subprocess
from pathlib import Path

from servers import owner

PAGE = Path(__file__).parents[2] / "docs" / "backup.md"


def block(name):
    """The lines of one block."""
    found = re.search(rf"<!-- test: {re.escape(name)} -->\n```\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert found, f"{PAGE.name} has no block named {name}"
    return found.group(1)


class Typist:
    """Types blocks of the page for one server, as its owner. What it starts and stops is the test's to say."""

    def __init__(self, server, backups, services):
        self.services = services
        self.folder = server.folder
        self.environment = {
            "DATABASE": server.url(),
            "SERVER": server.url("postgres"),
            "BACKUPS": str(backups),
            "PGDATA": str(server.data),
            "PATH": f"{server.bin}:{os.environ['PATH']}",
        }

    def type(self, name, **replaced):
        """`replaced`: what stands on the page as an example, and what is typed in its place."""
        text = block(name)
        for example, actual in replaced.values():
            assert example in text, f"{example} is not in {name}"
            text = text.replace(example, actual)
        lines = []
        for line in text.splitlines(keepends=True):
            words = line.split()
            if words[:1] == ["systemctl"]:
                self.run(lines)
                lines = []
                getattr(self.services[words[2]], words[1])()
            else:
                lines.append(line)
        self.run(lines)

    def run(self, lines):
        if not lines:
            return
        ended = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", "".join(lines)], capture_output=True, text=True, cwd=self.folder,
            env=self.environment, **owner(),
        )  # fmt: skip
        assert ended.returncode == 0, f"{''.join(lines)}{ended.stdout}{ended.stderr}"
