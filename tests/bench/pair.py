#!/usr/bin/env python3
"""Two builds of Torc beside each other: is the newer one slower?

Three nodes of each, on the same machine and disk, take turns: old new, new old, old new, ... Every turn gives one ratio; the
table has their medians and quartiles, because a shared machine drifts and two halves of an hour cannot be compared.
Exit code 1 if a median is worse than --allowed. Needs redis-tools (tools/setup.sh --with-tests).
"""
import argparse
import os
import signal
import sys
import tempfile
from statistics import median, quantiles

import measure
from bench import running, say
from servers import Torc

# (field of a sample, what the table calls it, whether lower is better)
FIELDS = [("commands_per_s", "commands/s", False), ("p99_ms", "p99", True), ("cpu_us_per_command", "CPU", True)]


def turns(cases, servers, rounds):
    """{case: {field: [new / old]}}"""
    ratios = {case.label: {field: [] for field, _, _ in FIELDS} for case in cases}
    value_bytes = None
    for case in cases:
        if case.value_bytes != value_bytes:
            value_bytes = case.value_bytes
            for server in servers:
                measure.preload(server, value_bytes)
        for turn in range(rounds):
            samples = {server.name: measure.run_case(server, case) for server in (servers if turn % 2 == 0 else servers[::-1])}
            for field, _, _ in FIELDS:
                old, new = getattr(samples["old"], field), getattr(samples["new"], field)
                if old > 0:
                    ratios[case.label][field].append(new / old)
            say(f"{case.label} turn {turn + 1}: old {samples['old'].commands_per_s:,.0f}/s, new {samples['new'].commands_per_s:,.0f}/s")
    return ratios


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", help="program `torc` of the older build")
    parser.add_argument("new", nargs="?", default="build/release/bin/torc")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--scale", type=float, default=1.0, help="commands per measurement, times this")
    parser.add_argument("--only", default="", help="only cases whose name contains this, e.g. 'SET P16 64'")
    parser.add_argument("--allowed", type=float, default=0.03, help="how much worse commands/s and CPU may be")
    parser.add_argument("--directory", default="build/bench", help="data directories go below this")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    os.makedirs(arguments.directory, exist_ok=True)
    cases = [case for case in measure.cases(arguments.scale) if arguments.only in case.label]
    with tempfile.TemporaryDirectory(dir=arguments.directory, prefix="pair-") as scratch:
        scratch = os.path.abspath(scratch)
        with running(Torc("old", os.path.join(scratch, "old"), arguments.old),
                     Torc("new", os.path.join(scratch, "new"), arguments.new)) as servers:
            ratios = turns(cases, servers, arguments.rounds)

    print("| new / old, 50 clients | median | quartiles | |\n|---|---:|---:|---|")
    is_worse = False
    for case, by_field in ratios.items():
        for field, title, is_cost in FIELDS:
            of_case = by_field[field]
            middle = median(of_case)
            low, _, high = quantiles(of_case, n=4) if len(of_case) > 1 else (middle, middle, middle)
            loss = middle - 1 if is_cost else 1 - middle
            # The tail of one short run says little on two shared cores: it is shown, not judged.
            is_bad = loss > arguments.allowed and field != "p99_ms"
            is_worse = is_worse or is_bad
            print(f"| {case}, {title} | {middle:.3f} | {low:.3f} - {high:.3f} | {'WORSE' if is_bad else ''} |")
    return 1 if is_worse else 0


if __name__ == "__main__":
    sys.exit(main())
