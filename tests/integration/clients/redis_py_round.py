"""redis_py_round.py HOST PORT: redis-py with default options gets through the round. Prints "round complete"."""
import os
import sys

import redis

host, port = sys.argv[1], int(sys.argv[2])
client = redis.Redis(host=host, port=port)


def key(name):
    return f"redis-py:{{{os.getpid()}}}:{name}"  # a tag: with several arcs the keys of a command share a slot


assert client.ping()
assert client.get(key("absent")) is None
assert client.set(key("text"), b"w\xc3\xa4rme\r\n\0") is True
assert client.get(key("text")) == b"w\xc3\xa4rme\r\n\0"
assert client.incr(key("count")) == 1
assert client.incrby(key("count"), 41) == 42
assert client.expire(key("count"), 100)
assert 90 < client.ttl(key("count")) <= 100
assert client.set(key("brief"), "x", ex=100)
assert 90 < client.ttl(key("brief")) <= 100
assert client.mset({key("a"): "1", key("b"): "2"})
assert client.mget(key("a"), key("absent"), key("b")) == [b"1", None, b"2"]
pipeline = client.pipeline(transaction=False)
for _ in range(200):
    pipeline.incr(key("pipelined"))
assert pipeline.execute() == list(range(1, 201))
try:
    client.incr(key("text"))
    raise AssertionError("incr of a text must fail")
except redis.ResponseError as error:
    assert "not an integer" in str(error), error
assert client.delete(key("text"), key("absent")) == 1
assert client.get(key("text")) is None
client.close()
print("round complete")
