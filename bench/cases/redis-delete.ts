import { redisStore } from 'nestjs-tiered-cache/redis';
import { counted, throughput, untilSteadyMs } from '../harness.js';
import type { Benchmark, Comparison } from '../harness.js';
import { bareRedis } from '../support/bare-redis.js';
import { startRedis } from '../support/servers.js';
import { openCache, ours, patient } from '../support/subjects.js';

const counts = new Map([
  [1, 5_000],
  [64, 40_000],
]);

/** The removal, its record, and the wake-up. */
const leastScript = `redis.call('DEL', KEYS[1])
if redis.call('APPEND', KEYS[2], ARGV[1]) > 65536 then redis.call('DEL', KEYS[2]) end
redis.call('PUBLISH', KEYS[2], '')
return 1`;

export const benchmark: Benchmark = {
  name: 'redis-delete',
  unit: 'op/s',
  title: 'A delete on Redis',
  work: 'delete with its record in the feed and its wake-up, by 1 and 64 callers, beside DEL',
  meaning:
    'A delete that reaches every process, in one round trip: the removal, its record in the feed, and the wake-up. `DEL` by itself tells nobody.',
  aims: [
    { of: '1', atLeast: 0.5 },
    { of: '64', atLeast: 0.22 },
  ],
  limit: 'a script of @redis/client',
  remark: 'The limit is the least script that removes, records and publishes.',
  rounds: 7,
  warmUpMs: untilSteadyMs,
  async prepare(smoke) {
    const server = await startRedis();
    const cache = await openCache({
      store: redisStore({ url: `redis://${server.address}`, ...patient }),
      process: false,
    });
    const bare = await bareRedis(server.address);
    const script = await bare.scriptLoad(leastScript);
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
        {
          name: 'a script of @redis/client',
          round: () =>
            throughput(counted(count, smoke), concurrency, (index) =>
              bare.evalSha(script, {
                keys: [`plain:content:${index % 500}`, 'plain:feed'],
                arguments: [`${index % 500}`],
              }),
            ),
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
