import { afterEach, describe, expect, it } from '@jest/globals';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import { redisStore } from '../../src/store/redis/redis-store.js';
import { buildCache } from '../support/build-cache.js';
import { eventually } from '../support/eventually.js';
import { patience } from '../support/patience.js';
import { recordEvents } from '../support/recorded-events.js';
import { startRedis } from '../support/redis-process.js';

const endings: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

describe('A clear over Redis', () => {
  it('is pushed to the other processes, which don’t wait for their next reading', async () => {
    const server = await startRedis();
    endings.push(() => server.stop());
    const open = async (name: string): Promise<TieredCache> => {
      const store = redisStore({ url: server.url, ...patience });
      const cache = await buildCache({ name, store, coherence: { interval: '10m' } });
      endings.push(() => cache.close());
      return cache;
    };
    const [here, there] = [await open('here'), await open('there')];
    const heard = recordEvents('invalidated');
    endings.push(() => heard.stop());
    await eventually(async () => {
      await here.delete('another');
      expect(heard.of('invalidated').map(({ cache }) => cache)).toContain('there');
    });
    await here.set('k', 'old', { ttl: '1h' });
    await eventually(async () => {
      await there.get('k');
      expect(there.peek('k')).toBe('old');
    });
    await here.dangerouslyClear();
    await eventually(() => expect(there.peek('k')).toBeUndefined(), { withinMs: 20_000 });
  });
});
