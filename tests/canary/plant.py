#!/usr/bin/env python3
"""Plants bugs into copies of product sources; nothing under src/ is touched.

A bug is a file tests/canary/bugs/<name>.bug: lines "key: value" that describe it, then one change or more:

    @@ consensus/election.cc
    -  old text, exactly as it stands once in src/consensus/election.cc
    +  new text, in which PLANTED is true while this bug is switched on

Every copy holds the bugs of all .bug files that name its source, each behind its own switch (planted.h). An old text that
is gone, or stands there more than once, ends the build: a bug must not rot in silence when the product changes.

    plant.py list BUGS                       the sources that bugs name, one per line
    plant.py names BUGS sim|unit             the bugs that torc-canary-sim or torc-canary-unit looks for, one per line
    plant.py source BUGS SRC FILE OUT        SRC/FILE with all its bugs
    plant.py table BUGS OUT                  the descriptions, as a C++ file
"""
import glob
import os
import sys

KEYS = {"bug", "row", "tests", "nodes", "groups", "faults", "seeds"}
SWITCH = "PLANTED"


class Bad(Exception):
    pass


class Change:
    def __init__(self, source):
        self.source = source
        self.old = []
        self.new = []


class Bug:
    def __init__(self, path):
        self.name = os.path.basename(path)[: -len(".bug")]
        self.fields = {"row": "", "tests": "", "nodes": "3", "groups": "1", "faults": "", "seeds": "1000"}
        self.changes = []
        with open(path, encoding="utf-8") as file:
            for number, line in enumerate(file.read().split("\n"), 1):
                self._take(line, f"{path}:{number}")
        if "bug" not in self.fields or not self.changes:
            raise Bad(f"{path}: needs a line 'bug:' and a change")
        for change in self.changes:
            if not change.old or SWITCH not in "\n".join(change.new):
                raise Bad(f"{path}: a change of {change.source} needs old text, and {SWITCH} in the new one")

    def _take(self, line, where):
        if line.startswith("@@ "):
            self.changes.append(Change(line[3:].strip()))
        elif self.changes and line.startswith("-"):
            if self.changes[-1].new:
                raise Bad(f"{where}: a second old text; begin another change with @@")
            self.changes[-1].old.append(line[1:])
        elif self.changes and line.startswith("+"):
            self.changes[-1].new.append(line[1:])
        elif line.strip() and not self.changes:
            key, colon, value = line.partition(":")
            if key not in KEYS or not colon:
                raise Bad(f"{where}: not one of {', '.join(sorted(KEYS))}")
            self.fields[key] = value.strip()
        elif line.strip():
            raise Bad(f"{where}: neither -, + nor @@")

    def number(self):
        """FNV-1a of the name: other bugs may come and go without this one's sources changing."""
        value = 0xCBF29CE484222325
        for byte in self.name.encode():
            value = (value ^ byte) * 0x100000001B3 % (1 << 64)
        return f"0x{value:016x}ull"


def load(folder):
    return [Bug(path) for path in sorted(glob.glob(os.path.join(folder, "*.bug")))]


def planted(bugs, root, source):
    if not source.endswith(".cc"):
        raise Bad(f"{source}: only .cc files can be copied; what includes a header would not know of the copy")
    with open(os.path.join(root, source), encoding="utf-8") as file:
        text = file.read()
    places = []
    for bug in bugs:
        for change in bug.changes:
            if change.source != source:
                continue
            old = "\n".join(change.old)
            count = text.count(old)
            if count != 1:
                raise Bad(f"bug '{bug.name}': its old text stands {count} times in {source}, not once:\n{old}")
            begin = text.index(old)
            new = "\n".join(change.new).replace(SWITCH, f"(::torc::planted::is_on({bug.number()}))")
            places.append((begin, begin + len(old), new, bug.name))
    places.sort()
    out = '#include "planted.h"\n'
    end = 0
    for begin, place_end, new, name in places:
        if begin < end:
            raise Bad(f"bug '{name}' overlaps with another one in {source}: take less text")
        out += text[end:begin] + new
        end = place_end
    return out + text[end:]


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def table(bugs):
    lines = ['#include "planted.h"', "", "namespace torc::planted {", "", "const Bug kBugs[] = {"]
    for bug in bugs:
        fields = bug.fields
        texts = [quoted(text) for text in (bug.name, fields["bug"], fields["row"], fields["tests"], fields["faults"])]
        numbers = [str(int(fields[key])) for key in ("nodes", "groups", "seeds")]
        lines.append(f"    {{{bug.number()}, {', '.join(texts)}, {', '.join(numbers)}}},")
    return "\n".join(lines + ["};", f"const size_t kBugCount = {len(bugs)};", "", "}  // namespace torc::planted", ""])


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def main(arguments):
    verb, bugs = arguments[0], load(arguments[1])
    if verb == "list":
        print("\n".join(sorted({change.source for bug in bugs for change in bug.changes})))
    elif verb == "names":
        print("\n".join(bug.name for bug in bugs if bool(bug.fields["tests"]) == (arguments[2] == "unit")))
    elif verb == "source":
        root, source, out = arguments[2:]
        write(out, planted(bugs, root, source))
    elif verb == "table":
        write(arguments[2], table(bugs))


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except Bad as bad:
        sys.exit(f"plant.py: {bad}")
