import { describe, expect, it } from '@jest/globals';
import { memoryStore } from '../../../src/store/memory-store.js';
import { RestartableStore } from '../../../src/testing/simulation.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';
import { storeContract } from '../../../src/testing/store-contract.js';

storeContract(
  { describe, it },
  {
    name: 'that can be restarted',
    open: async () => {
      const clock = new FakeClock();
      const store = new RestartableStore(() => memoryStore({ clock }));
      await store.open();
      return { store, advance: (ms) => clock.advance(ms), dispose: () => store.close() };
    },
    tooLargeBytes: 2 ** 24,
  },
);

describe('a shard that is restarted', () => {
  const bytes = Buffer.from('one');
  const question = { feed: 'n', since: undefined, watch: 'w', maxBehindBytes: 1_000 };

  it.each(['with memory', 'without memory'] as const)('%s: revisions of before match nothing', async (memory) => {
    const store = new RestartableStore(() => memoryStore());
    await store.open();
    const [shard] = store.shards;
    const written = await shard.write('k', bytes, { lifeMs: 1_000 });
    const { mark } = (await shard.readFeed?.(question)) ?? {};
    await store.restart(0, memory);
    if (memory === 'without memory') await shard.write('k', bytes, { lifeMs: 1_000 });
    expect(written.status).toBe('stored');
    if (written.status !== 'stored') return;
    expect(await shard.remove('k', written.revision)).toBe('changed');
    const [item] = await shard.readMany(['k']);
    expect(item?.bytes.toString()).toBe('one');
    const reading = await shard.readFeed?.({ ...question, since: mark });
    expect(reading?.gap).toBe(memory === 'with memory' ? undefined : 'the feed was lost');
    expect(await shard.remove('k', item?.revision)).toBe('removed');
    await store.close();
  });
});
