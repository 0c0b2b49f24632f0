#!/usr/bin/env python3
"""Checks the floor plan: which folder may include which, and what PURE and SEAM code may not touch.

CMake already links each folder only with what it may include. This check also sees headers nothing compiles yet, tells
apart tests from the code they test, and knows the rules that no linker knows: no clock, thread, hidden randomness or
iteration over an unordered container where one seed must give one run.

Exit code 0: fine; 1: violations, one per line as file:line: message.
"""
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# The arrows of docs/architecture.md. What is not listed here is not allowed.
ARROWS = {
    "base": "",
    "consensus": "base",
    "ring": "base",
    "kv": "base",
    "check": "base",
    "env": "base",
    "wire": "base consensus ring kv",
    "storage": "base env consensus kv",
    "node": "base env consensus ring kv wire storage",
    "host": "base env",
    "net": "base env consensus kv wire node host",
    "client": "base consensus kv wire",
    "cli": "base consensus kv wire client check mapreduce",
    "server": "base env consensus kv wire storage node host net client cli",
    "mapreduce": "base client",
    "explore": "base consensus",
    "sim": "base env consensus ring kv wire storage node check",
    "adapters": "base env consensus ring kv wire storage node host",
}
# Tests beside the code may use these in addition.
TEST_ARROWS = {"storage": "sim", "node": "sim"}
TEST_SUFFIXES = ("_test.cc", "_harness.h", "test_world.h")
# Of a folder that is otherwise out of sight only these headers may be seen.
ONLY_HEADERS = {("net", "node"): {"service.h"}}
# Nothing points at these.
TOPS = {"apps", "tests", "explore", "sim", "adapters", "server"}
# RocksDB has one includer: the checkpoint store of the host.
ONLY_INCLUDER = {"rocksdb/": "host", "boost/asio": "host net client cli", "sys/epoll.h": "host net"}

DETERMINISTIC = {"base", "consensus", "ring", "kv", "wire", "check", "env", "storage", "node", "sim", "explore"}
FORBIDDEN = [
    (r"\b(system|steady|high_resolution)_clock\b", "a clock; take `now` as a value or env/clock.h"),
    (r"\b(clock_gettime|gettimeofday|std::time|localtime|gmtime)\s*\(", "a clock; take `now` as a value or env/clock.h"),
    (r"#include\s*<(thread|mutex|shared_mutex|condition_variable|future|semaphore|pthread\.h)>", "threads"),
    (r"\bstd::(thread|jthread|mutex|condition_variable|async)\b", "threads"),
    (r"\b(sleep_for|sleep_until|usleep|nanosleep)\b", "sleeping"),
    (r"\brandom_device\b|\bstd::rand\b|\bsrand\b", "hidden randomness; take a seed (base/prng.h)"),
    (r"\bstd::\w+_distribution\b|\bstd::shuffle\b", "differs by library; use base/prng.h"),
    (r"\bstd::hash\b", "differs by library"),
    (r"\bgetenv\b", "the environment; take an option"),
    (r"#if(n?def)?\s+.*\bSIM\b", "code that knows it is simulated: the seam is in the wrong place"),
]
UNORDERED = re.compile(r"\b(?:unordered_(?:map|set|multimap|multiset|flat_map|flat_set|node_map|node_set)"
                       r"|concurrent_flat_map)\s*<")


def without_comments(text):
    """Comments and string literals blanked, line numbers kept; include lines keep their file names."""
    def blank(match):
        token = match.group(0)
        if token.startswith("/"):
            return re.sub(r"[^\n]", " ", token)
        return token[0] + re.sub(r"[^\n]", " ", token[1:-1]) + token[-1]
    pattern = r'//[^\n]*|/\*.*?\*/|(?<![\w])"(?:\\.|[^"\\\n])*"'
    lines = []
    for line in re.sub(r"/\*.*?\*/", blank, text, flags=re.S).split("\n"):
        lines.append(line if re.match(r"\s*#\s*include", line) else re.sub(pattern, blank, line))
    return lines


def sources(folder):
    for directory, _, names in os.walk(os.path.join(ROOT, folder)):
        for name in sorted(names):
            if name.endswith((".h", ".cc")):
                path = os.path.join(directory, name)
                with open(path, encoding="utf-8", errors="replace") as file:
                    yield os.path.relpath(path, ROOT), without_comments(file.read())


def unordered_names(folder_sources):
    """Names of variables and members declared with an unordered type anywhere in a folder."""
    names = set()
    for _, lines in folder_sources:
        text = "\n".join(lines)
        for match in UNORDERED.finditer(text):
            depth, at = 1, match.end()
            while at < len(text) and depth:
                depth += {"<": 1, ">": -1}.get(text[at], 0)
                at += 1
            declared = re.match(r"[\s&*]*(\w+)\s*[;={(]", text[at:at + 120])
            if declared:
                names.add(declared.group(1))
    return names


def check_includes(path, lines, module, is_test, report):
    allowed = set(ARROWS[module].split()) | {module}
    if is_test:
        allowed |= set(TEST_ARROWS.get(module, "").split())
    for number, line in enumerate(lines, 1):
        quoted = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
        angled = re.match(r"\s*#\s*include\s+<([^>]+)>", line)
        if quoted:
            target, _, rest = quoted.group(1).partition("/")
            if ".." in quoted.group(1):
                report(path, number, f"include by folder, not by a relative path: {quoted.group(1)}")
            elif target in TOPS and target not in allowed:
                report(path, number, f"nothing points at {target}: {module} -> {target}")
            elif target in ARROWS and target not in allowed:
                report(path, number, f"no such arrow: {module} -> {target}")
            elif (module, target) in ONLY_HEADERS and rest not in ONLY_HEADERS[module, target] and not is_test:
                report(path, number, f"{module} may see only {', '.join(sorted(ONLY_HEADERS[module, target]))} of {target}")
        name = (quoted or angled).group(1) if quoted or angled else ""
        for prefix, owners in ONLY_INCLUDER.items():
            if name.startswith(prefix) and module not in owners.split():
                report(path, number, f"<{prefix}...> belongs to {owners} alone")


def check_determinism(path, lines, iterated, report):
    for number, line in enumerate(lines, 1):
        for pattern, what in FORBIDDEN:
            if re.search(pattern, line):
                report(path, number, f"not deterministic: {what}")
        for match in re.finditer(r"for\s*\([^;)]*:\s*(?:[\w.\->]*?(?:\.|->))?(\w+)\s*\)|\b(\w+)\s*(?:\.|->)\s*c?begin\s*\(", line):
            if (match.group(1) or match.group(2)) in iterated:
                report(path, number, "iterates an unordered container: the order differs from run to run")


def main():
    violations = []

    def report(path, number, message):
        violations.append(f"{path}:{number}: {message}")

    for module in sorted(os.listdir(os.path.join(ROOT, "src"))):
        if not os.path.isdir(os.path.join(ROOT, "src", module)):
            continue
        if module not in ARROWS:
            report(f"src/{module}", 1, "a folder that the floor plan does not have (tools/check_layers.py, docs/architecture.md)")
            continue
        files = list(sources(f"src/{module}"))
        iterated = unordered_names(files) if module in DETERMINISTIC else set()
        for path, lines in files:
            is_test = path.endswith(TEST_SUFFIXES)
            check_includes(path, lines, module, is_test, report)
            if module in DETERMINISTIC and not is_test:
                check_determinism(path, lines, iterated, report)
    for line in violations:
        print(line)
    print(f"layers: {'fine' if not violations else str(len(violations)) + ' violations'}", file=sys.stderr)
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
