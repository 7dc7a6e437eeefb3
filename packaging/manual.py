"""Makes the manual page of the configuration from config/surveyd.toml, which a test holds to the program.

Each key of that file stands below the comment that explains it, and each section begins with its head in brackets.
"""

import re

KEY = re.compile(r"#?[a-z_]+ = .+")
SECTION = re.compile(r"#?\[.+\]")
HEAD = """\
.TH SURVEYD.TOML 5 "" "surveyd {version}" "surveyd"
.SH NAME
surveyd.toml \\- the configuration of surveyd
.SH SYNOPSIS
.I /etc/surveyd/surveyd.toml
.SH DESCRIPTION
"""
TAIL = """\
.SH SEE ALSO
.BR surveyd (1),
.BR surveyd\\-check (1),
.BR surveyd\\-init (1),
.I /usr/share/doc/surveyd
"""


ESCAPES = str.maketrans({"\\": "\\e", "-": "\\-", "'": "\\(aq", "`": "\\(ga", "^": "\\(ha", "~": "\\(ti", '"': "\\(dq"})


def escaped(text):
    """The text as it stands, for troff."""
    text = text.translate(ESCAPES)
    return "\\&" + text if text.startswith(".") else text


def paragraph(lines):
    return "".join(f"{escaped(line)}\n" for line in lines)


def item(name, remarks):
    return f".TP\n.B {escaped(name)}\n{paragraph(remarks)}"


def configuration_page(text, version):
    """The page, in the language of man(7). Any other line than a key, a head or a comment is a fault of the file."""
    page, remarks = [HEAD.format(version=version)], []
    for number, line in enumerate(text.splitlines(), 1):
        if SECTION.fullmatch(line):
            page.append(f".SH {escaped(line)}\n{paragraph(remarks)}")
            remarks = []
        elif KEY.fullmatch(line):
            assert remarks, f"config/surveyd.toml, line {number}: no comment stands above this key"
            page.append(item(line, remarks))
            remarks = []
        elif line.startswith("# "):
            remarks.append(line.removeprefix("# "))
        else:
            assert line == "", f"config/surveyd.toml, line {number}: neither a key nor a comment"
            # What stands above an empty line is about the file, not about a key.
            page.append(f".PP\n{paragraph(remarks)}" if remarks else "")
            remarks = []
    assert not remarks, "config/surveyd.toml ends with a comment about nothing"
    return "".join(page) + TAIL
