// The round every client must get through, in the words all of them share. Prints "round complete"; any mismatch throws.
import assert from 'node:assert/strict';

export function target() {
  const [packageName, host, port] = process.argv.slice(2);
  return { packageName, host, port: Number(port), key: (name) => `${packageName}:{${process.pid}}:${name}` };
}

/** For cluster clients: the keys of a round share a slot, and rounds have slots all over the circle. */
export function tagged_keys() {
  const [packageName] = process.argv.slice(2);
  return Array.from({ length: 32 }, (_, tag) => (name) => `${packageName}:{${process.pid}-${tag}}:${name}`);
}

/** `calls`: get, set, setWithTtl(seconds), incr, expire(seconds) -> boolean, ttl, del -> count, pipeline(count) -> numbers. */
export async function round(calls, key) {
  assert.equal(await calls.get(key('absent')), null);
  assert.equal(await calls.set(key('text'), 'wärme\r\n\0'), 'OK');
  assert.equal(await calls.get(key('text')), 'wärme\r\n\0');
  assert.equal(await calls.incr(key('count')), 1);
  assert.equal(await calls.incr(key('count')), 2);
  assert.equal(await calls.expire(key('count'), 100), true);
  const ttl = await calls.ttl(key('count'));
  assert.ok(ttl > 90 && ttl <= 100, `ttl ${ttl}`);
  assert.equal(await calls.setWithTtl(key('brief'), 'x', 100), 'OK');
  assert.ok((await calls.ttl(key('brief'))) > 90);
  assert.deepEqual(await calls.pipeline(key('pipelined'), 200), Array.from({ length: 200 }, (_, i) => i + 1));
  await assert.rejects(() => calls.incr(key('text')), /not an integer/);
  assert.equal(await calls.del(key('text'), key('absent')), 1);
  assert.equal(await calls.get(key('text')), null);
  console.log('round complete');
}
