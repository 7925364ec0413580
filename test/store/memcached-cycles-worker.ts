import { memcachedStore } from '../../src/store/memcached/memcached-store.js';
import { serveWorker } from '../support/serve-worker.js';
import { patience } from '../support/patience.js';

serveWorker((servers: string) => ({
  /** Opens, uses and closes that many stores; some are closed with operations under way. Returns the resources that are left. */
  cycles: async (count: number): Promise<string[]> => {
    const before = process.getActiveResourcesInfo();
    for (let cycle = 0; cycle < count; cycle++) {
      const store = memcachedStore({ servers, ...patience });
      const shard = store.shards[0];
      await store.open();
      await shard.write('cycle', Buffer.from(`${cycle}`), { lifeMs: Infinity });
      const underWay = Promise.allSettled([shard.readMany(['cycle']), shard.increment('count', 1, 1)]);
      if (cycle % 2 === 0) await underWay;
      await store.close();
      await underWay;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
    const left = process.getActiveResourcesInfo();
    for (const resource of before) {
      const index = left.indexOf(resource);
      if (index >= 0) left.splice(index, 1);
    }
    return left;
  },
}));
