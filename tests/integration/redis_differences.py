#!/usr/bin/env python3
"""Sends the same requests to redis-server and to Torc and compares the answers, byte for byte.

usage: redis_differences.py TORC_BINARY

One conversation in RESP2 with a follower of a three-node cluster, one in RESP3 with its leader. Where Torc departs from
Redis on purpose (docs/resp.md), DEPARTURES says how; a departure that does not show any more fails as well.
Exit status: 0 all as expected, 1 a difference.
"""
import contextlib
import ctypes
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

from redis_requests import DEPARTURES, REQUESTS

HOST = "127.0.0.1"
START_TIMEOUT_S = 20
PIPELINE = 128  # requests sent before their answers are read
REPLY_TIMEOUT_S = 10
PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def encode(request):
    """Words, or bytes to be sent as they are."""
    if isinstance(request, bytes):
        return request
    parts = [word if isinstance(word, bytes) else word.encode() for word in request]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)


def name_of(request):
    """As the keys of DEPARTURES are written."""
    if isinstance(request, bytes):
        return request
    return " ".join(word if isinstance(word, str) else word.decode("latin1") for word in request)


class Connection:
    """Sends commands, returns replies as the bytes they came in."""

    def __init__(self, port):
        self._socket = socket.create_connection((HOST, port), timeout=REPLY_TIMEOUT_S)
        self._file = self._socket.makefile("rb")

    def close(self):
        self._file.close()
        self._socket.close()

    def call(self, words):
        return self.pipeline([words])[0]

    def pipeline(self, requests):
        """Sends all, then reads one reply for each."""
        self._socket.sendall(b"".join(encode(request) for request in requests))
        return [self.reply() for _ in requests]

    def reply(self):
        """One whole reply; what came before the end, and <closed>, if the connection ends."""
        try:
            line = self._file.readline()
        except ConnectionResetError:
            line = b""
        if not line.endswith(b"\r\n"):
            return line + b"<closed>"
        kind, count = line[:1], line[1:-2]
        if kind in b"$=!" and count != b"-1":
            return line + self._file.read(int(count) + 2)
        if kind in b"*~>%" and count != b"-1":
            elements = int(count) * (2 if kind == b"%" else 1)
            return line + b"".join(self.reply() for _ in range(elements))
        return line


def free_ports(count):
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((HOST, 0))
        return [each.getsockname()[1] for each in sockets]


class Servers:
    """redis-server and three Torc nodes in a directory of their own, ended with this program."""

    def __init__(self, torc, directory):
        self._directory = directory
        self._processes = []
        ports = free_ports(7)
        self.redis_port, self.torc_ports, peers = ports[0], ports[1:4], ports[4:]
        self._spawn("redis", ["redis-server", "--port", str(self.redis_port), "--bind", HOST, "--save", "",
                              "--proto-max-bulk-len", "32mb"])
        cluster = ",".join(f"{i + 1}={HOST}:{port}" for i, port in enumerate(peers))
        for i, port in enumerate(self.torc_ports):
            self._spawn(f"torc-{i + 1}", [torc, "serve", "--id", str(i + 1), "--data", f"{directory}/data-{i + 1}",
                                          "--listen", f"{HOST}:{port}", "--initial-cluster", cluster])
        self.leader_port = self._wait_for_leader()
        self.follower_port = next(port for port in self.torc_ports if port != self.leader_port)

    def _spawn(self, name, argv):
        with open(f"{self._directory}/{name}.log", "ab") as log:
            self._processes.append(
                subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self._directory,
                                 preexec_fn=lambda: _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)))

    def _wait_for_leader(self):
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            for port in self.torc_ports:
                with contextlib.suppress(OSError):
                    connection = Connection(port)
                    info = connection.call(["INFO", "raft"])
                    connection.close()
                    if b"raft_role:leader" in info:
                        return port
            time.sleep(0.05)
        sys.exit(f"no leader after {START_TIMEOUT_S} s")

    def stop(self):
        for process in self._processes:
            process.kill()
            process.wait()


def show(request):
    words = request if isinstance(request, (list, tuple)) else [request]
    return " ".join(repr(word)[:60] for word in words)


def normalized(reply, ignored):
    for pattern, replacement in ignored:
        reply = re.sub(pattern, replacement, reply, flags=re.DOTALL)
    return reply


def is_expected(request, ignored, expected, actual):
    """Whether the two answers are the same, or differ as documented."""
    is_same = normalized(expected, ignored) == normalized(actual, ignored)
    departure = DEPARTURES.get(name_of(request))
    if departure is None:
        return is_same
    return not is_same and re.fullmatch(departure, actual, flags=re.DOTALL) is not None


def compare(redis, torc, version):
    """Returns the number of surprises of one conversation."""
    surprises = 0
    for start in range(0, len(REQUESTS), PIPELINE):
        batch = REQUESTS[start:start + PIPELINE]
        answers = [connection.pipeline([request for request, _ in batch]) for connection in (redis, torc)]
        for (request, ignored), expected, actual in zip(batch, *answers):
            if not is_expected(request, ignored, expected, actual):
                surprises += 1
                print(f"RESP{version} {show(request)}\n  redis: {expected[:400]!r}\n  torc:  {actual[:400]!r}")
                if name_of(request) in DEPARTURES:
                    print(f"  documented departure: {DEPARTURES[name_of(request)]!r}")
    return surprises


def main():
    surprises = 0
    with tempfile.TemporaryDirectory(prefix="torc-redis-differences-") as directory:
        servers = Servers(os.path.abspath(sys.argv[1]), directory)
        try:
            for version, port in ((2, servers.follower_port), (3, servers.leader_port)):
                redis, torc = Connection(servers.redis_port), Connection(port)
                for connection in (redis, torc):
                    connection.call(["FLUSHALL"])
                    connection.call(["HELLO", str(version)])
                surprises += compare(redis, torc, version)
                redis.close()
                torc.close()
        finally:
            servers.stop()
    print(f"{len(REQUESTS)} requests in RESP2 and RESP3, {surprises} unexpected differences")
    return 1 if surprises else 0


if __name__ == "__main__":
    sys.exit(main())
