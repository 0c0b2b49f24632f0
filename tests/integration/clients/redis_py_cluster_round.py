"""redis_py_cluster_round.py HOST PORT: redis-py's RedisCluster with default options, over many slots."""
import logging
import os
import sys

import redis
from redis.cluster import RedisCluster
from redis.exceptions import RedisClusterException

logging.disable()  # redis-py logs every error of a command before it raises it
client = RedisCluster(host=sys.argv[1], port=int(sys.argv[2]))
assert client.ping()


def key_count():  # by default redis-py asks one node alone
    return client.dbsize(target_nodes=RedisCluster.PRIMARIES)


before = key_count()
count = 16
for tag in range(count):

    def key(name):
        return f"redis-py:{{{os.getpid()}-{tag}}}:{name}"

    assert client.get(key("absent")) is None
    assert client.set(key("text"), b"w\xc3\xa4rme\r\n\0") is True
    assert client.get(key("text")) == b"w\xc3\xa4rme\r\n\0"
    assert client.incr(key("count")) == 1
    assert client.incrby(key("count"), 41) == 42
    assert client.expire(key("count"), 100)
    assert 90 < client.ttl(key("count")) <= 100
    assert client.mset({key("a"): "1", key("b"): "2"})
    assert client.mget(key("a"), key("absent"), key("b")) == [b"1", None, b"2"]
    pipeline = client.pipeline()
    for i in range(20):
        pipeline.incr(f"{key('pipelined')}:{{{i}}}")  # the first tag counts
        pipeline.set(f"redis-py:{{{os.getpid()}-{tag}-{i}}}", i)
        pipeline.delete(f"redis-py:{{{os.getpid()}-{tag}-{i}}}")
    assert pipeline.execute() == [1, True, 1] * 20
    try:
        client.incr(key("text"))
        raise AssertionError("incr of a text must fail")
    except redis.ResponseError as error:
        assert "not an integer" in str(error), error
    assert client.delete(key("text"), key("absent")) == 1
    assert client.get(key("text")) is None
assert key_count() == before + 23 * count, (key_count(), before)
try:
    client.mget("a", "b")
    raise AssertionError("keys of two slots must fail")
except RedisClusterException:
    pass  # redis-py itself sees it, by the positions of keys that COMMAND tells
assert client.cluster_keyslot("foo") == 12182
assert client.cluster_countkeysinslot(12182) == 0
assert client.cluster_info()["cluster_state"] == "ok"
assert len(client.cluster_nodes()) == 3
client.close()
print("round complete")
