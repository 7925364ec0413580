import { setImmediate as turn } from 'node:timers/promises';
import { redisStore } from 'nestjs-tiered-cache/redis';
import type { TieredCache } from 'nestjs-tiered-cache';
import { counted, verify } from '../harness.js';
import type { Benchmark, Comparison } from '../harness.js';
import { bareRedis } from '../support/bare-redis.js';
import { startRedis } from '../support/servers.js';
import { openCache, ours, patient } from '../support/subjects.js';

const limit = 'PUBLISH of @redis/client';

/** From the beginning of a delete in one cache until the near copy of another is gone, and the far tail of that. */
export const benchmark: Benchmark = {
  name: 'redis-dropped',
  unit: 'ms',
  title: 'Until other processes have dropped it',
  work: 'a delete in one cache until the near copy of another is dropped, over Redis; the median and p99 of 300',
  meaning: 'How long after a delete another process may still answer with what was deleted.',
  aims: [
    { of: 'median', figure: 'median', atMost: 5 },
    { of: 'p99', figure: 'median', atMost: 25 },
  ],
  limit,
  remark:
    'Where wake-ups are lost the feed is polled once a second: then the median is half a second and more. The limit is a message from one client to another.',
  rounds: 5,
  async prepare(smoke) {
    const server = await startRedis();
    const open = (): Promise<TieredCache> =>
      openCache({ store: redisStore({ url: `redis://${server.address}`, ...patient }) });
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
    const published = await publishing(server.address);
    const bareRound = async (): Promise<number> => {
      const waits: number[] = [];
      for (let index = 0; index < counted(300, smoke); index++) waits.push(await published.send());
      waits.sort((one, other) => one - other);
      p99 = waits[Math.floor((waits.length - 1) * 0.99)] as number;
      return waits[waits.length >> 1] as number;
    };
    const median: Comparison = {
      variant: 'median',
      baseline: limit,
      subjects: [
        { name: limit, round: bareRound },
        { name: ours, round },
      ],
    };
    const tail: Comparison = {
      variant: 'p99',
      baseline: limit,
      subjects: [
        { name: limit, round: () => bareRound().then(() => p99) },
        { name: ours, round: () => round().then(() => p99) },
      ],
    };
    const close = async (): Promise<void> => {
      published.close();
      await Promise.all([writer.close(), reader.close()]);
      await server.stop();
    };
    return { comparisons: [median, tail], close };
  },
};

/** Sends a message to a subscriber of this process, and says how long it took to come. */
async function publishing(address: string): Promise<{ send(): Promise<number>; close(): void }> {
  const [sender, subscriber] = [await bareRedis(address), await bareRedis(address)];
  let onMessage = (): void => {};
  await subscriber.subscribe('plain', () => onMessage());
  const send = async (): Promise<number> => {
    const startedAt = performance.now();
    const arrived = new Promise<number>((resolve) => {
      onMessage = () => resolve(performance.now() - startedAt);
    });
    await sender.publish('plain', '');
    return arrived;
  };
  const close = (): void => {
    sender.destroy();
    subscriber.destroy();
  };
  return { send, close };
}
