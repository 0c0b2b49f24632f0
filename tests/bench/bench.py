#!/usr/bin/env python3
"""Measures three Torc nodes beside Debian's Redis and three etcd nodes, on the same disk, in turns.

Prints one table of medians and ratios (Markdown) and writes everything to a JSON file. Needs redis-server, redis-tools
and, for its row, etcd (tools/setup.sh --with-bench). Nothing else should run on the machine meanwhile.
"""
import argparse
import contextlib
import json
import os
import platform
import shutil
import signal
import sys
import tempfile
import time

import measure
import report
from servers import Etcd, Limit, Redis, Torc, TorcArcs

ARCS = 64


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--torc-binary", default="build/release/bin/torc",
                        help="the server to measure; `redis-server` stands in, to try the harness itself")
    parser.add_argument("--limit-binary", default="build/release/bin/torc-plain-responder")
    parser.add_argument("--torc-arg", action="append", default=[], help="passed on to `torc serve`, e.g. --torc-arg=--x=1")
    parser.add_argument("--rounds", type=int, default=5, help="turns of every store in every case")
    parser.add_argument("--scale", type=float, default=1.0, help="commands per measurement, times this")
    parser.add_argument("--keys", type=int, default=1_000_000, help="keys for the memory measurement")
    parser.add_argument("--quick", action="store_true", help="one round at a fifth of the size, without etcd")
    parser.add_argument("--no-etcd", action="store_true")
    parser.add_argument("--no-memory", action="store_true")
    parser.add_argument("--only", default="", help="only cases whose name contains this, e.g. 'SET P16 64'; prints samples")
    parser.add_argument("--directory", default="build/bench", help="data directories and the JSON file go below this")
    parser.add_argument("--json", help="default: DIRECTORY/bench.json")
    parser.add_argument("--table", help="a Markdown file whose part between <!-- table --> and <!-- /table --> is replaced")
    parser.add_argument("--require-floors", action="store_true", help="exit 1 if a ratio is below its floor")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.rounds, arguments.scale, arguments.no_etcd = 1, arguments.scale / 5, True
    return arguments


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


def start_torc(arguments, directory, extra=()):
    if os.path.basename(arguments.torc_binary) == "redis-server":
        return Redis("torc", directory, is_durable=True, binary=arguments.torc_binary)
    return Torc("torc", directory, arguments.torc_binary, [*arguments.torc_arg, *extra])


@contextlib.contextmanager
def running(*servers):
    try:
        yield servers
    finally:
        for server in servers:
            server.stop()
            shutil.rmtree(server.directory, ignore_errors=True)


def measure_speed(arguments, scratch):
    cases = [case for case in measure.cases(arguments.scale) if arguments.only in case.label]
    servers = []
    samples = {}
    with contextlib.ExitStack() as stack:
        for start in (lambda d: start_torc(arguments, d), lambda d: Redis("redis-always", d, is_durable=True),
                      lambda d: Redis("redis", d, is_durable=False), lambda d: Limit("limit", d, arguments.limit_binary)):
            server = start(os.path.join(scratch, f"speed-{len(servers)}"))
            stack.enter_context(running(server))
            servers.append(server)
            samples[server.name] = {case.label: [] for case in cases}
            if server.name == "torc" and isinstance(server, Torc):
                of_arcs = TorcArcs("torc-64", os.path.join(scratch, "arcs"), arguments.torc_binary, ARCS, arguments.torc_arg)
                stack.enter_context(running(of_arcs))
                for door in (of_arcs, of_arcs.any_door("torc-64-any")):
                    servers.append(door)
                    samples[door.name] = {case.label: [] for case in cases}
        value_bytes = None
        for case in cases:
            if case.value_bytes != value_bytes:
                value_bytes = case.value_bytes
                for server in servers:
                    if server.name not in ("limit", "torc-64-any"):
                        measure.preload(server, value_bytes)
            for turn in range(arguments.rounds):
                for server in servers:
                    sample = measure.run_case(server, case)
                    samples[server.name][case.label].append(sample)
                    say(f"{case.label} turn {turn + 1} {server.name}: {sample.commands_per_s:,.0f}/s, "
                        f"p99 {sample.p99_ms:.2f} ms, {sample.cpu_us_per_command:.1f} us CPU")
    return samples


def measure_memory(arguments, scratch):
    memory = {}
    for start in (lambda d: Redis("redis", d, is_durable=False), lambda d: Redis("redis-always", d, is_durable=True),
                  lambda d: start_torc(arguments, d, ["--checkpoint-mib", "16"])):
        with running(start(os.path.join(scratch, f"memory-{len(memory)}"))) as (server,):
            memory[server.name] = measure.memory_per_key(server, arguments.keys)
            say(f"memory {server.name}: {memory[server.name]} bytes per key")
    return memory


def replace_table(path, table):
    with open(path, encoding="utf-8") as file:
        before, begin, rest = file.read().partition("<!-- table -->\n")
    _, end, after = rest.partition("<!-- /table -->")
    if not begin or not end:
        raise ValueError(f"{path} has no <!-- table --> ... <!-- /table -->")
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"{before}{begin}\n{table}\n\n{end}{after}")


def main():
    arguments = parse_arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    os.makedirs(arguments.directory, exist_ok=True)
    started = time.time()
    memory, etcd_writes = {}, None
    with tempfile.TemporaryDirectory(dir=arguments.directory, prefix="data-") as scratch:
        scratch = os.path.abspath(scratch)
        samples = measure_speed(arguments, scratch)
        if arguments.only:
            return 0
        if not arguments.no_memory:
            memory = measure_memory(arguments, scratch)
        if not arguments.no_etcd:
            say("etcd, a minute")
            with running(Etcd("etcd", os.path.join(scratch, "etcd"))) as (etcd,):
                etcd_writes = measure.etcd_writes_per_s(etcd)

    middle = report.medians(samples)
    rows = report.verdicts(middle, memory, etcd_writes)
    path = arguments.json or os.path.join(arguments.directory, "bench.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump({
            "unix_time": int(started), "seconds": round(time.time() - started), "cores": os.cpu_count(),
            "kernel": platform.release(), "rounds": arguments.rounds, "scale": arguments.scale, "medians": middle,
            "samples": {server: {case: [sample.as_dict() for sample in of_case] for case, of_case in by_case.items()}
                        for server, by_case in samples.items()},
            "memory_bytes_per_key": memory, "etcd_writes_per_s": etcd_writes,
            "ratios": [{"what": target.what, "against": target.against, "ratio": ratio, "floor": target.floor,
                        "goal": target.goal} for target, ratio in rows],
        }, file, indent=1)
    table = report.markdown(middle, memory, etcd_writes, rows)
    print(table)
    if arguments.table:
        replace_table(arguments.table, f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores, {arguments.rounds} rounds.\n\n{table}")
    say(f"JSON: {path}")
    below = [target for target, ratio in rows if ratio is not None and not target.is_met(ratio, target.floor)]
    return 1 if arguments.require_floors and below else 0


if __name__ == "__main__":
    sys.exit(main())
