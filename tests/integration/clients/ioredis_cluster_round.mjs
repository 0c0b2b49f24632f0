// node ioredis_cluster_round.mjs PACKAGE HOST PORT: ioredis' Cluster with default options, over many slots.
import { round, tagged_keys, target } from './rounds.mjs';

const { packageName, host, port } = target();
const { Cluster } = await import(packageName);
const client = new Cluster([{ host, port }]);
client.on('error', (error) => console.error(String(error)));
for (const key of tagged_keys()) {
  await round(
    {
      get: (k) => client.get(k),
      set: (k, v) => client.set(k, v),
      setWithTtl: (k, v, seconds) => client.set(k, v, 'EX', seconds),
      incr: (k) => client.incr(k),
      expire: async (k, seconds) => (await client.expire(k, seconds)) === 1,
      ttl: (k) => client.ttl(k),
      del: (...keys) => client.del(...keys),
      pipeline: async (k, count) => {
        const batch = client.pipeline();
        for (let i = 0; i < count; ++i) batch.incr(k);
        return (await batch.exec()).map(([error, value]) => {
          if (error) throw error;
          return value;
        });
      },
    },
    key,
  );
}
await client.quit();
