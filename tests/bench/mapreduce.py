#!/usr/bin/env python3
"""MapReduce beside the programs that people use instead, in one run on one machine; prints one table.

Each figure is the least wall time of several rounds, in which the programs take turns: what else the machine does then
meets all of them. `goal` is a ratio to the row it names. Exit code 0: measured (goals are for people), 1: an output was wrong.
"""
import argparse
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

C = dict(os.environ, LC_ALL="C")


class Run:
    """One command: wall seconds, CPU seconds and the most memory a process of it had."""

    def __init__(self, command, shell=False, out=subprocess.DEVNULL):
        begin = time.monotonic()
        child = subprocess.Popen(command, shell=shell, stdout=out, stderr=subprocess.PIPE, env=C)
        error = child.stderr.read()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        self.wall = time.monotonic() - begin
        self.cpu = usage.ru_utime + usage.ru_stime
        self.mib = usage.ru_maxrss / 1024
        if child.returncode != 0:
            sys.exit(f"{command} ended with {child.returncode}: {error.decode()[-500:]}")


class Cluster:
    """Three nodes on this machine."""

    def __init__(self, torc, directory):
        ports = []
        sockets = [socket.socket() for _ in range(6)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
            ports.append(each.getsockname()[1])
        for each in sockets:
            each.close()
        members = ",".join(f"{i + 1}=127.0.0.1:{ports[3 + i]}" for i in range(3))
        self.nodes = ",".join(f"127.0.0.1:{port}" for port in ports[:3])
        self.children = [
            subprocess.Popen([torc, "serve", "--id", str(i + 1), "--data", f"{directory}/node{i + 1}", "--listen",
                              f"127.0.0.1:{ports[i]}", "--initial-cluster", members],
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for i in range(3)]
        for _ in range(200):
            if subprocess.run([torc, "set", "ready", "1", "--node", self.nodes], capture_output=True).returncode == 0:
                return
            time.sleep(0.1)
        sys.exit("the cluster does not answer")

    def stop(self):
        for child in self.children:
            child.kill()
            child.wait()


class Bench:
    def __init__(self, programs, directory, rounds):
        self.torc = f"{programs}/torc"
        self.text = f"{programs}/torc-text"
        self.count = f"{programs}/torc-count-words"
        self.directory = directory
        self.rounds = rounds
        self.outputs = 0
        self.rows = []

    def path(self, name):
        return f"{self.directory}/{name}"

    def make(self, name, kind, size):
        with open(self.path(name), "wb") as file:
            subprocess.run([self.text, kind, str(size)], stdout=file, check=True)
        Run(["cat", self.path(name)])  # into the page cache: disks are not what is compared

    def job(self, name, builtin, *more):
        """A command line that writes somewhere new each time."""
        def command():
            self.outputs += 1
            self.last = self.path(f"out{self.outputs}")
            return [self.torc, "mapreduce", "run", "--quiet", "--map", builtin, "--reduce", builtin, "--inputs",
                    self.path(name), "--output", self.last, *more]
        return command

    def turns(self, title, commands, rounds=None):
        """Runs {name: command or callable} in turns; prints and returns the best of each."""
        best = {}
        for _ in range(rounds or self.rounds):
            for name, command in commands.items():
                words = command() if callable(command) else command
                run = Run(words, shell=isinstance(words, str))
                if callable(command):
                    self.keep = self.last
                    if self.outputs > 1:
                        shutil.rmtree(self.path(f"out{self.outputs - 1}"), ignore_errors=True)
                if name not in best or run.wall < best[name].wall:
                    best[name] = run
        print(f"\n{title}\n  {'':34}{'wall s':>9}{'CPU s':>9}{'MiB':>7}")
        for name, run in best.items():
            print(f"  {name:34}{run.wall:9.3f}{run.cpu:9.3f}{run.mib:7.0f}")
        return best

    def goal(self, text, value, limit, is_least=False):
        fine = value >= limit if is_least else value <= limit
        print(f"  {'ok  ' if fine else 'MISS'} {text}: {value:.3f} (goal: at {'least' if is_least else 'most'} {limit})")


def word_counts(bench, size):
    bench.make("books", "books", size)
    books = bench.path("books")
    best = bench.turns(f"word count, {size / 1e6:.0f} MB", {
        "reading and finding letters (floor)": [bench.count, "floor", books],
        "torc mapreduce --local": bench.job("books", "wc", "--local"),
        "a tuned program, one thread": [bench.count, "tuned", books],
        "ifstream >> string, unordered_map": [bench.count, "idiomatic", books],
    })
    coreutils = bench.turns("the same with coreutils (LC_ALL=C)", {
        "tr | sort | uniq -c": f"tr -cs A-Za-z '\\n' < {books} | sort | uniq -c > {bench.path('uniq')}",
    }, rounds=1)
    local = best["torc mapreduce --local"].wall
    bench.goal("coreutils / local", coreutils["tr | sort | uniq -c"].wall / local, 20, is_least=True)
    bench.goal("local / idiomatic", local / best["ifstream >> string, unordered_map"].wall, 0.08)
    bench.goal("local / tuned", local / best["a tuned program, one thread"].wall, 0.45)
    bench.goal("local / floor, for information", local / best["reading and finding letters (floor)"].wall, 99)
    check = (f"awk '{{print $2 \": \" $1}}' {bench.path('uniq')} | grep -v '^:' | sort | cmp - {bench.keep}/part-00000")
    if subprocess.run(check, shell=True, env=C).returncode != 0:
        sys.exit("the counts differ from those of coreutils")


def workers(bench, size):
    cluster = Cluster(bench.torc, bench.directory)
    try:
        with_torc = bench.job("books", "wc", "--workers", "4", "--node", cluster.nodes)
        best = bench.turns(f"four workers with Torc, {size / 1e6:.0f} MB",
                           {"local": bench.job("books", "wc", "--local"), "four workers": with_torc})
        bench.goal("seconds more than --local", best["four workers"].wall - best["local"].wall, 0.4)
        large = max(1, 2_000_000_000 // size)
        with open(bench.path("large"), "wb") as file:
            for _ in range(large):
                with open(bench.path("books"), "rb") as part:
                    shutil.copyfileobj(part, file, 1 << 20)
        best = bench.turns(f"the same, {large * size / 1e9:.1f} GB", {
            "local": bench.job("large", "wc", "--local"),
            "four workers": bench.job("large", "wc", "--workers", "4", "--node", cluster.nodes)}, rounds=2)
        bench.goal("four workers / local", best["four workers"].wall / best["local"].wall, 1.2)
    finally:
        cluster.stop()
        os.remove(bench.path("large"))


def distinct(bench, words):
    bench.make("distinct", "distinct", words)
    best = bench.turns(f"{words / 1e6:.0f} million distinct words within --memory 256M",
                       {"torc mapreduce --local": bench.job("distinct", "wc", "--local", "--memory", "256M")}, rounds=1)
    bench.goal("MiB", best["torc mapreduce --local"].mib, 256)
    lines = int(subprocess.check_output(["wc", "-l", f"{bench.keep}/part-00000"]).split()[0])
    if lines != words:
        sys.exit(f"{lines} lines instead of {words}")
    os.remove(bench.path("distinct"))
    shutil.rmtree(bench.keep)


def sorts(bench, size):
    bench.make("lines", "lines", size)
    lines = bench.path("lines")
    best = bench.turns(f"sort of {size / 1e9:.1f} GB within 256 MiB, two threads", {
        "torc mapreduce --local": bench.job("lines", "sort", "--local", "--memory", "256M", "--threads", "2", "--reduces", "2"),
        "sort": ["sort", "-S", "256M", "--parallel=2", "-T", bench.directory, "-o", bench.path("sorted"), lines],
    }, rounds=2)
    bench.goal("torc / sort", best["torc mapreduce --local"].wall / best["sort"].wall, 1.0)
    bench.goal("MiB", best["torc mapreduce --local"].mib, 256)
    check = f"cat {bench.keep}/part-0000? | cmp - {bench.path('sorted')}"
    if subprocess.run(check, shell=True).returncode != 0:
        sys.exit("the order differs from that of sort")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", required=True, help="the directory of torc, torc-text and torc-count-words")
    parser.add_argument("--quick", action="store_true", help="a tenth of the data, two rounds")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=["words", "workers", "distinct", "sort"], help="one part")
    options = parser.parse_args()
    part = 10 if options.quick else 1
    size = 200_000_000 // part
    with tempfile.TemporaryDirectory(prefix="torc-bench-") as directory:
        bench = Bench(options.programs, directory, 2 if options.quick else options.rounds)
        if options.only in (None, "words"):
            word_counts(bench, size)
        if options.only in (None, "workers"):
            if options.only:
                bench.make("books", "books", size)
            workers(bench, size)
        if options.only in (None, "distinct"):
            distinct(bench, 30_000_000 // part)
        if options.only in (None, "sort"):
            sorts(bench, 1_000_000_000 // part)


main()
