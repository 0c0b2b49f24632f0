"""The stores that are measured, as processes of this machine: one Redis, three etcd nodes, three Torc nodes."""
import contextlib
import ctypes
import os
import re
import signal
import socket
import subprocess
import time
import urllib.request

HOST = "127.0.0.1"
START_TIMEOUT_S = 60
CLOCK_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGESIZE")
PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def free_ports(count):
    """Ports nobody listens on now, from the kernel."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((HOST, 0))
        return [each.getsockname()[1] for each in sockets]


class Connection:
    """As much of a Redis client as measuring needs."""

    def __init__(self, port, timeout_s=60):
        self._socket = socket.create_connection((HOST, port), timeout=timeout_s)
        self._file = self._socket.makefile("rb")

    def close(self):
        self._file.close()
        self._socket.close()

    @staticmethod
    def encode(*words):
        words = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)

    def call(self, *words):
        self._socket.sendall(self.encode(*words))
        return self.reply()

    def reply(self):
        line = self._file.readline()
        if not line:
            raise ConnectionError("the server closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise RuntimeError(rest.decode())
        if kind == b"$" and rest != b"-1":
            return self._file.read(int(rest) + 2)[:-2]
        return rest

    def pipeline(self, requests):
        """Sends encoded requests together and reads one reply for each."""
        self._socket.sendall(b"".join(requests))
        for _ in requests:
            self.reply()


class Server:
    """Some processes that are one store. `port` is where clients are to connect."""

    def __init__(self, name, directory):
        self.name = name
        self.directory = directory
        self.port = 0
        self._processes = []
        os.makedirs(directory)

    def spawn(self, label, argv):
        with open(os.path.join(self.directory, label + ".log"), "ab") as log:
            self._processes.append(
                subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.directory,
                                 preexec_fn=lambda: _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)))

    def wait_until(self, is_ready):
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            for process in self._processes:
                if process.poll() is not None:
                    raise RuntimeError(f"{self.name} ended with {process.returncode}; logs in {self.directory}")
            with contextlib.suppress(OSError, RuntimeError):
                if is_ready():
                    return
            time.sleep(0.05)
        raise RuntimeError(f"{self.name} is not ready after {START_TIMEOUT_S} s; logs in {self.directory}")

    def stop(self):
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._processes = []

    @property
    def client_flags(self):
        """Of redis-benchmark."""
        return []

    def find_port(self):
        """Called before each measurement: the leader may have moved."""

    def prepare(self, case):
        """Called before each measurement of a case."""

    def cpu_seconds(self):
        """User and system time of all processes so far."""
        total = 0
        for process in self._processes:
            with open(f"/proc/{process.pid}/stat", encoding="ascii") as file:
                fields = file.read().rsplit(")", 1)[1].split()
            total += int(fields[11]) + int(fields[12])
        return total / CLOCK_TICKS_PER_S

    def resident_bytes(self):
        """Of the largest process: each Torc node holds a whole copy."""
        def resident(process):
            with open(f"/proc/{process.pid}/statm", encoding="ascii") as file:
                return int(file.read().split()[1]) * PAGE_BYTES
        return max(map(resident, self._processes))

    def wait_until_checkpointed(self):
        """True once what was written so far is in a checkpoint; for stores without one, at once."""
        return True


class Limit(Server):
    """Answers every request the same way and looks at nothing (plain_responder.cc): what the kernel's TCP costs."""

    def __init__(self, name, directory, binary):
        super().__init__(name, directory)
        self._binary = os.path.abspath(binary)

    def prepare(self, case):
        self.stop()
        self.port = free_ports(1)[0]
        self.spawn("limit", [self._binary, str(self.port), str(case.value_bytes if case.command == "GET" else 0)])
        self.wait_until(lambda: Connection(self.port, 1).call("PING") is not None)


class Redis(Server):
    def __init__(self, name, directory, is_durable, binary="redis-server"):
        super().__init__(name, directory)
        self.port = free_ports(1)[0]
        durability = ["--appendonly", "yes", "--appendfsync", "always"] if is_durable else ["--appendonly", "no"]
        # An AOF rewrite in the middle of a measurement would be measured too.
        self.spawn("redis", [binary, "--bind", HOST, "--port", str(self.port), "--dir", directory, "--save", "",
                             "--auto-aof-rewrite-percentage", "0", *durability])
        self.wait_until(lambda: Connection(self.port, 1).call("PING") == b"PONG")


class Torc(Server):
    NODES = 3
    CHECKPOINT_TIMEOUT_S = 60

    def __init__(self, name, directory, binary, extra_args=()):
        super().__init__(name, directory)
        ports = free_ports(2 * self.NODES)
        self._client_ports = ports[:self.NODES]
        peers = ports[self.NODES:]
        cluster = ",".join(f"{i + 1}={HOST}:{port}" for i, port in enumerate(peers))
        for i in range(self.NODES):
            self.spawn(f"node-{i + 1}", [
                os.path.abspath(binary), "serve", "--id", str(i + 1), "--data", os.path.join(directory, f"node-{i + 1}"),
                "--listen", f"{HOST}:{self._client_ports[i]}", "--peer-listen", f"{HOST}:{peers[i]}",
                "--initial-cluster", cluster, *self.node_args(i), *extra_args])
        self.find_port()

    def node_args(self, node):
        return []

    def _info(self, port):
        connection = Connection(port, 2)
        try:
            lines = connection.call("INFO").decode().splitlines()
        finally:
            connection.close()
        return dict(line.split(":", 1) for line in lines if ":" in line and not line.startswith("#"))

    def find_port(self):
        def has_leader():
            for port in self._client_ports:
                if self._info(port).get("raft_role") == "leader":
                    self.port = port
                    return True
            return False
        self.wait_until(has_leader)

    def wait_until_checkpointed(self):
        goals = {port: int(self._info(port)["raft_commit_index"]) for port in self._client_ports}
        filler = Connection(self.port)
        deadline = time.monotonic() + self.CHECKPOINT_TIMEOUT_S
        is_done = False
        while not is_done and time.monotonic() < deadline:
            # A checkpoint starts when the log has grown: writes to one key make it grow without adding keys.
            filler.pipeline([Connection.encode("SET", "checkpoint-filler", "x" * 65536)] * 64)
            time.sleep(0.2)
            is_done = all(int(self._info(port).get("raft_checkpoint_index", 0)) >= goal for port, goal in goals.items())
        filler.call("DEL", "checkpoint-filler")
        filler.close()
        return is_done


class TorcArcs(Torc):
    """The circle cut into arcs, their leaders spread over the nodes; clients know the slots and ask who leads them."""

    def __init__(self, name, directory, binary, arcs, extra_args=()):
        self._arcs = arcs
        self._cluster_ports = free_ports(self.NODES)
        super().__init__(name, directory, binary, ["--arcs", str(arcs), *extra_args])

    def node_args(self, node):
        return ["--cluster-listen", f"{HOST}:{self._cluster_ports[node]}"]

    @property
    def client_flags(self):
        return ["--cluster"]

    def find_port(self):
        """Until every arc has a leader and no node leads more than its share."""
        def is_even():
            share = -(-self._arcs // self.NODES)
            led = [int(self._info(port)["raft_groups_led"]) for port in self._client_ports]
            return sum(led) == self._arcs and max(led) <= share + 1
        self.wait_until(is_even)
        self.port = self._cluster_ports[0]

    def any_door(self, name):
        return AnyDoor(name, self)


class AnyDoor:
    """The same nodes, asked at the door of one of them for every key."""

    client_flags = []

    def __init__(self, name, torc):
        self.name = name
        self._torc = torc
        self.port = torc._client_ports[0]

    def __getattr__(self, what):
        return getattr(self._torc, what)


class Etcd(Server):
    NODES = 3

    def __init__(self, name, directory):
        super().__init__(name, directory)
        ports = free_ports(2 * self.NODES)
        self.endpoints = ",".join(f"{HOST}:{port}" for port in ports[:self.NODES])
        peers = [f"http://{HOST}:{port}" for port in ports[self.NODES:]]
        cluster = ",".join(f"n{i + 1}={peer}" for i, peer in enumerate(peers))
        for i in range(self.NODES):
            client = f"http://{HOST}:{ports[i]}"
            self.spawn(f"etcd-{i + 1}", [
                "etcd", "--name", f"n{i + 1}", "--data-dir", os.path.join(directory, f"n{i + 1}"),
                "--listen-client-urls", client, "--advertise-client-urls", client, "--listen-peer-urls", peers[i],
                "--initial-advertise-peer-urls", peers[i], "--initial-cluster", cluster, "--initial-cluster-state", "new"])
        self.wait_until(lambda: self.start_etcdctl("endpoint", "health").wait() == 0)

    def start_etcdctl(self, *words):
        return subprocess.Popen(["etcdctl", "--endpoints", self.endpoints, *words], env={**os.environ, "ETCDCTL_API": "3"},
                                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def committed_proposals(self):
        """As the first member counts them; every member does."""
        with urllib.request.urlopen(f"http://{self.endpoints.split(',')[0]}/metrics", timeout=10) as answer:
            found = re.search(rb"^etcd_server_proposals_committed_total ([\d.e+]+)$", answer.read(), re.M)
        return float(found.group(1))
