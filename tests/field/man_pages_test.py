#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Each command has a manual page that man(1) shows without a warning and that has the text of
--help.

    man_pages_test.py CONVOY

The pages are those that the build made beside CONVOY; code 77 says that man is missing here.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys

PROGRAM = pathlib.Path(sys.argv[1])
PAGES = PROGRAM.parent / "man/man1"


def output(*words, env=None):
    return subprocess.run(words, check=True, capture_output=True, text=True, env=env)


def words_of(text):
    return re.sub(r"\s+", " ", text)


def rendered(page):
    env = {**os.environ, "MANWIDTH": "120", "LC_ALL": "C.UTF-8", "MAN_KEEP_FORMATTING": ""}
    shown = output("man", "--warnings", "-P", "cat", "-l", str(page), env=env)
    if shown.stderr:
        sys.exit(f"{page}: {shown.stderr}")
    plain = re.sub(r"\x1b\[[0-9;]*m|.\x08", "", shown.stdout)
    return words_of(plain.replace("\u2010", "-"))


def entries(help_text):
    """The names of options and commands, and their descriptions, each on one line."""
    block = []
    for line in help_text.splitlines():
        if re.match(r"^ {3,}\S", line) and block:
            block.append(line.strip())
            continue
        if block:
            yield " ".join(block)
        block = [line.strip()] if line.startswith("  ") else []
    if block:
        yield " ".join(block)


def check(command):
    name = "convoy-" + command if command else "convoy"
    page = PAGES / (name + ".1")
    if not page.is_file():
        sys.exit(f"{name} has no manual page")
    if page.read_text() != output(str(PROGRAM), "--man", *([command] if command else [])).stdout:
        sys.exit(f"{page} is not what the program prints")
    text = rendered(page)
    count = 0
    for entry in entries(output(str(PROGRAM), *([command] if command else []), "--help").stdout):
        # An option's name, its type, and its text stand in the page in this order.
        if words_of(entry) not in text:
            sys.exit(f"{page} does not say: {entry}")
        count += 1
    if count < 2:
        sys.exit(f"only {count} entries were found in the help of {name}")
    return count


def main():
    if not shutil.which("man"):
        return 77
    help_text = output(str(PROGRAM), "--help").stdout
    commands = re.findall(r"^  ([a-z]+) {2,}\S", help_text.split("Commands:")[1].split("Examples:")[0], re.MULTILINE)
    if len(commands) < 8 or len(list(PAGES.iterdir())) != len(commands) + 1:
        sys.exit(f"the commands are {commands}, the pages {sorted(p.name for p in PAGES.iterdir())}")
    total = sum(check(command) for command in ["", *commands])
    print(f"{len(commands) + 1} pages, {total} entries")
    return 0


if __name__ == "__main__":
    sys.exit(main())
