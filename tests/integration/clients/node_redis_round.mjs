// node node_redis_round.mjs PACKAGE HOST PORT: node-redis with default options.
import { round, target } from './rounds.mjs';

const { packageName, host, port, key } = target();
const { createClient } = await import(packageName);
const client = createClient({ url: `redis://${host}:${port}` });
client.on('error', (error) => console.error(String(error)));
await client.connect();
await round(
  {
    get: (k) => client.get(k),
    set: (k, v) => client.set(k, v),
    setWithTtl: (k, v, seconds) => client.set(k, v, { EX: seconds }),
    incr: (k) => client.incr(k),
    expire: async (k, seconds) => Boolean(await client.expire(k, seconds)),
    ttl: (k) => client.ttl(k),
    del: (...keys) => client.del(keys),
    // node-redis pipelines what is asked for in one turn of its loop.
    pipeline: (k, count) => Promise.all(Array.from({ length: count }, () => client.incr(k))),
  },
  key,
);
await client.close();
