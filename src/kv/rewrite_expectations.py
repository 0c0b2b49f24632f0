#!/usr/bin/env python3
"""Rewrites the replies in the scripts of the given *_test.cc files with what a real Redis answers.

usage: rewrite_expectations.py REDIS_UNIX_SOCKET FILE...

A script is a raw string R"redis(...)redis". Lines beginning with "> " are commands; the lines after them are replies.
Needs a redis-server 7.0 started with --proto-max-bulk-len 33554432; its data is deleted.
"""
import re
import socket
import sys


def words(line):
    out = []
    for quoted, plain in re.findall(r'"((?:[^"\\]|\\.)*)"|(\S+)', line):
        if plain:
            out.append(plain.encode())
        else:
            unescape = lambda m: bytes([int(m[1], 16)]) if m[1] else {b"n": b"\n", b"r": b"\r"}.get(m[2], m[2])
            out.append(re.sub(rb"\\(?:x([0-9a-f]{2})|(.))", unescape, quoted.encode()))
    return out


def show(value):
    text = ""
    for byte in value:
        if byte in b'"\\':
            text += "\\" + chr(byte)
        else:
            text += chr(byte) if 32 <= byte <= 126 else "\\x%02x" % byte
    return '"%s"' % text


class Redis:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.stream = self.socket.makefile("rb")

    def run(self, args):
        self.socket.sendall(b"*%d\r\n" % len(args) + b"".join(b"$%d\r\n%s\r\n" % (len(a), a) for a in args))
        return self.reply()

    def reply(self):
        line = self.stream.readline()[:-2]
        kind, rest = line[:1], line[1:]
        if kind == b"$":
            if rest == b"-1":
                return "(nil)\n"
            return show(self.stream.read(int(rest) + 2)[:-2]) + "\n"
        if kind == b"*":
            return "*%d\n" % int(rest) + "".join(self.reply() for _ in range(int(rest)))
        return line.decode() + "\n"


def rewrite(redis, script):
    redis.run([b"FLUSHALL"])
    out = ""
    for line in script.splitlines():
        if line.startswith("> "):
            out += line + "\n" + redis.run(words(line[2:]))
        elif not line or line.startswith("#"):
            out += line + "\n"
    return out


def main():
    redis = Redis(sys.argv[1])
    for path in sys.argv[2:]:
        text = open(path).read()
        text = re.sub(r'R"redis\((.*?)\)redis"', lambda m: 'R"redis(%s)redis"' % rewrite(redis, m[1]), text, flags=re.S)
        open(path, "w").write(text)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main()
