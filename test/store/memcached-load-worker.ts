import { memcachedStore } from '../../src/store/memcached/memcached-store.js';
import { MeasuredLoad } from '../support/measured-load.js';
import type { LoadReport } from '../support/measured-load.js';
import { seededRandom } from '../support/seeded-random.js';
import { serveWorker } from '../support/serve-worker.js';

serveWorker(({ servers, perSecond }: { servers: string; perSecond: number }) => {
  const store = memcachedStore({ servers });
  const random = seededRandom(4);
  const load = new MeasuredLoad(perSecond, async (complain) => {
    const key = `load:${random.integer(0, 49)}`;
    const shard = store.shardOf(key);
    const kind = random.integer(0, 9);
    if (kind < 3) {
      await shard.write(key, Buffer.from(`${key}=${'v'.repeat(random.integer(0, 3_000))}`), { lifeMs: 60_000 });
    } else if (kind < 4) {
      const counter = `count:${random.integer(0, 4)}`;
      const sum = await shard.increment(counter, 1, 1_000_000);
      if (!Number.isSafeInteger(sum)) complain(`${counter} is ${sum}`);
    } else {
      const other = `load:${random.integer(0, 49)}`;
      const keys = store.shardOf(other) === shard ? [key, other, key] : [key];
      const items = await shard.readMany(keys);
      for (const [index, item] of items.entries()) {
        const text = item?.bytes.toString();
        if (text !== undefined && !text.startsWith(`${keys[index]}=`))
          complain(`${keys[index]} read ${text.slice(0, 40)}`);
      }
    }
  });
  return {
    open: () => store.open(),
    startLoad: () => load.start(),
    report: (): LoadReport => load.report(),
    stopLoad: () => load.drain(),
    stop: async (): Promise<void> => {
      load.stop();
      await store.close();
    },
  };
});
