#!/usr/bin/env python3
"""Checks that what is cited exists: tests (`Suite.Name` in docs/testing.md), relative links of all Markdown files, and
rules (rules.md#name, in any file).

Exit code 0: fine; 1: a name or a link leads nowhere, one per line.
"""
import glob
import os
import re
import subprocess
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


def rule_names():
    return set(re.findall(r"^### ([a-z0-9-]+)$", read(os.path.join(ROOT, "docs/rules.md")), re.MULTILINE))


def tracked_text_files():
    names = subprocess.run(["git", "-C", ROOT, "ls-files", "-z"], capture_output=True, check=True).stdout.decode().split("\0")
    endings = (".cc", ".h", ".proto", ".md", ".bug", ".py", ".sh", ".cmake", ".ts", ".tsx")
    return [os.path.join(ROOT, name) for name in names if name.endswith(endings) and os.path.exists(os.path.join(ROOT, name))]


def wrong_rules():
    rules = rule_names()
    for path in tracked_text_files():
        if path == os.path.abspath(__file__):
            continue
        for number, line in enumerate(read(path).splitlines(), 1):
            for name in re.findall(r"rules\.md#([a-z0-9-]+)", line):
                if name not in rules:
                    yield f"{os.path.relpath(path, ROOT)}:{number}: no such rule: {name}"
            if re.search(r"\bRULES \d", line):
                yield f"{os.path.relpath(path, ROOT)}:{number}: rules are cited by name: rules.md#name"


def main():
    problems = list(wrong_rules())
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
