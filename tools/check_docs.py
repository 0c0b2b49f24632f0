#!/usr/bin/env python3
"""Checks that documents name what exists: tests (`Suite.Name` in docs/testing.md) and relative links of all Markdown files.

Exit code 0: fine; 1: a name or a link leads nowhere, one per line.
"""
import glob
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def existing_tests():
    found = set()
    for pattern in ("src/*/*_test.cc", "tests/**/*_test.cc"):
        for path in glob.glob(os.path.join(ROOT, pattern), recursive=True):
            found |= {f"{suite}.{name}" for suite, name in re.findall(r"\bTEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\s*\)", read(path))}
    return found


def main():
    problems = []
    tests = existing_tests()
    for name in re.findall(r"`([A-Z]\w+\.[A-Z]\w+)`", read(os.path.join(ROOT, "docs/testing.md"))):
        if name not in tests:
            problems.append(f"docs/testing.md: no such test: {name}")
    pages = [os.path.join(ROOT, "README.md"), *glob.glob(os.path.join(ROOT, "docs/**/*.md"), recursive=True)]
    for page in pages:
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", read(page)):
            if not os.path.exists(os.path.join(os.path.dirname(page), link)):
                problems.append(f"{os.path.relpath(page, ROOT)}: leads nowhere: {link}")
    print("\n".join(problems) if problems else "docs: fine", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
