import { redisStore } from 'nestjs-tiered-cache/redis';
import { counted, throughput } from '../harness.js';
import type { Benchmark, Comparison } from '../harness.js';
import { bareRedis } from '../support/bare-redis.js';
import { startRedis } from '../support/servers.js';
import { openCache, ours } from '../support/subjects.js';

const counts = new Map([
  [1, 5_000],
  [64, 40_000],
]);

export const benchmark: Benchmark = {
  name: 'redis-delete',
  unit: 'op/s',
  work: 'delete with its record in the feed and its wake-up, by 1 and 64 callers, beside DEL',
  target: '≥ 0.5×, ≥ 0.22× (twice and 4.5 times the time)',
  remark: 'DEL tells nobody. Ours is one script in one round trip: the removal, the record, and the wake-up.',
  rounds: 7,
  async prepare(smoke) {
    const server = await startRedis();
    const cache = await openCache({ store: redisStore({ url: `redis://${server.address}` }), process: false });
    const bare = await bareRedis(server.address);
    const comparisons = [...counts].map(([concurrency, count]): Comparison => ({
      variant: `${concurrency}`,
      baseline: 'DEL of @redis/client',
      subjects: [
        {
          name: 'DEL of @redis/client',
          round: () =>
            throughput(counted(count, smoke), concurrency, (index) => bare.del(`plain:content:${index % 500}`)),
        },
        {
          name: ours,
          round: () =>
            throughput(counted(count, smoke), concurrency, (index) => cache.delete(`content:${index % 500}`)),
        },
      ],
    }));
    const close = async (): Promise<void> => {
      bare.destroy();
      await cache.close();
      await server.stop();
    };
    return { comparisons, close };
  },
};
