"""What is measured, and how: redis-benchmark from outside, /proc for CPU and memory, etcdctl's own check for etcd."""
import csv
import io
import subprocess
import time
from dataclasses import asdict, dataclass

from servers import HOST, Connection

CLIENTS = 50
KEYS = 100_000
MEMORY_VALUE_BYTES = 64
PRELOAD_BATCH = 1000
ETCD_WARM_UP_S = 10
ETCD_COUNTED_S = 40


@dataclass(frozen=True)
class Case:
    command: str
    pipeline: int
    value_bytes: int
    commands: int  # per measurement

    @property
    def label(self):
        return f"{self.command} P{self.pipeline} {self.value_bytes} B"


@dataclass
class Sample:
    commands_per_s: float
    p50_ms: float
    p99_ms: float
    cpu_us_per_command: float  # user + system, all processes of the store

    as_dict = asdict


def cases(scale):
    """Each lasts a few seconds at scale 1 on two cores."""
    counts = {("SET", 1): 100_000, ("SET", 16): 400_000, ("GET", 1): 200_000, ("GET", 16): 1_000_000}
    return [Case(command, pipeline, value_bytes, max(int(count * scale), 1000))
            for value_bytes in (64, 1024) for (command, pipeline), count in counts.items()]


def preload(server, value_bytes):
    """Every key redis-benchmark will ask for exists, so that a GET is never a miss. At a cluster it makes up its keys from
    the slots it is told of: there it writes them itself, and one in fifty may be missing."""
    server.find_port()
    if server.client_flags:
        subprocess.run(benchmark(server, Case("SET", 16, value_bytes, 4 * KEYS)), stdin=subprocess.DEVNULL,
                       capture_output=True, check=True)
        return
    connection = Connection(server.port)
    value = b"x" * value_bytes
    for begin in range(0, KEYS, PRELOAD_BATCH):
        connection.pipeline([Connection.encode("SET", b"key:%012d" % i, value) for i in range(begin, begin + PRELOAD_BATCH)])
    connection.close()


def benchmark(server, case):
    # At a cluster it takes one slot of each node, and so many keys of each of these: in all, as many as elsewhere.
    keys = KEYS // server.NODES if server.client_flags else KEYS
    return ["redis-benchmark", "-h", HOST, "-p", str(server.port), "-t", case.command.lower(), "-c", str(CLIENTS),
            "-n", str(case.commands), "-P", str(case.pipeline), "-d", str(case.value_bytes), "-r", str(keys), "--csv",
            *server.client_flags]


def run_case(server, case):
    server.prepare(case)
    server.find_port()
    cpu_before = server.cpu_seconds()
    done = subprocess.run(
        benchmark(server, case), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    cpu = server.cpu_seconds() - cpu_before
    _, header, table = done.stdout.rpartition('"test",')  # a cluster's nodes are listed before
    rows = list(csv.DictReader(io.StringIO(header + table)))
    if done.returncode != 0 or len(rows) != 1 or "error" in (done.stdout + done.stderr).lower():
        raise RuntimeError(f"redis-benchmark against {server.name}, {case.label}: {done.stdout}{done.stderr}")
    row = rows[0]
    return Sample(float(row["rps"]), float(row["p50_latency_ms"]), float(row["p99_latency_ms"]),
                  cpu / case.commands * 1e6)


def memory_per_key(server, keys):
    """Bytes of resident memory that a 16-byte key with a 64-byte value costs, after a checkpoint; None if none came."""
    server.find_port()
    before = server.resident_bytes()
    connection = Connection(server.port)
    value = b"v" * MEMORY_VALUE_BYTES
    for begin in range(0, keys, PRELOAD_BATCH):
        connection.pipeline([Connection.encode("SET", b"%016d" % i, value) for i in range(begin, min(begin + PRELOAD_BATCH, keys))])
    connection.close()
    if not server.wait_until_checkpointed():
        return None
    return (server.resident_bytes() - before) / keys


def etcd_writes_per_s(etcd):
    """Load comes from `etcdctl check perf`, which asks for 8,000 writes/s for a minute. The rate is counted at etcd itself
    over the minute's middle, because the check's own report is lost when its clean-up at the end times out."""
    with etcd.start_etcdctl("check", "perf", "--load", "l") as check:
        time.sleep(ETCD_WARM_UP_S)
        begin, committed = time.monotonic(), etcd.committed_proposals()
        time.sleep(ETCD_COUNTED_S)
        if check.poll() is not None:
            raise RuntimeError(f"etcdctl check perf ended early with {check.returncode}")
        rate = (etcd.committed_proposals() - committed) / (time.monotonic() - begin)
        check.terminate()
    return rate
