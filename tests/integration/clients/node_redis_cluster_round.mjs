// node node_redis_cluster_round.mjs PACKAGE HOST PORT: node-redis' cluster with default options, over many slots.
import { round, tagged_keys, target } from './rounds.mjs';

const { packageName, host, port } = target();
const { createCluster } = await import(packageName);
const client = createCluster({ rootNodes: [{ url: `redis://${host}:${port}` }] });
client.on('error', (error) => console.error(String(error)));
await client.connect();
for (const key of tagged_keys()) {
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
}
await client.close();
