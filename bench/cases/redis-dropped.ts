import { setImmediate as turn } from 'node:timers/promises';
import { redisStore } from 'nestjs-tiered-cache/redis';
import type { TieredCache } from 'nestjs-tiered-cache';
import { counted, verify } from '../harness.js';
import type { Benchmark, Comparison } from '../harness.js';
import { startRedis } from '../support/servers.js';
import { openCache, ours } from '../support/subjects.js';

/** From the beginning of a delete in one cache until the near copy of another is gone, and the far tail of that. */
export const benchmark: Benchmark = {
  name: 'redis-dropped',
  unit: 'ms',
  work: 'a delete in one cache until the near copy of another is dropped, over Redis; the median and p99 of 300',
  target: 'median ≤ 5 ms, p99 ≤ 25 ms',
  remark: 'Polled once a second, as where wake-ups are lost, the median is half a second and more.',
  rounds: 5,
  async prepare(smoke) {
    const server = await startRedis();
    const open = (): Promise<TieredCache> => openCache({ store: redisStore({ url: `redis://${server.address}` }) });
    const [writer, reader] = [await open(), await open()];
    let p99 = NaN;
    const round = async (): Promise<number> => {
      const waits: number[] = [];
      for (let index = 0; index < counted(300, smoke); index++) {
        const key = `content:${index}`;
        await writer.set(key, 'value', { ttl: '1h' });
        while (reader.peek(key) === undefined) await reader.get(key);
        const startedAt = performance.now();
        const deleted = writer.delete(key);
        while (reader.peek(key) !== undefined) await turn();
        waits.push(performance.now() - startedAt);
        verify(await deleted, 'a delete was not acknowledged');
      }
      waits.sort((one, other) => one - other);
      p99 = waits[Math.floor((waits.length - 1) * 0.99)] as number;
      return waits[waits.length >> 1] as number;
    };
    const median: Comparison = { variant: 'median', baseline: ours, subjects: [{ name: ours, round }] };
    const tail: Comparison = {
      variant: 'p99',
      baseline: ours,
      subjects: [{ name: ours, round: () => round().then(() => p99) }],
    };
    const close = async (): Promise<void> => {
      await Promise.all([writer.close(), reader.close()]);
      await server.stop();
    };
    return { comparisons: [median, tail], close };
  },
};
