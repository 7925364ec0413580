import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ShardVersions } from '../../src/coherence/shard-versions.js';
import { KeySpace } from '../../src/key/key-space.js';
import { memcachedStore } from '../../src/store/memcached/memcached-store.js';
import type { Shard, Store } from '../../src/store/store.js';
import { StoreUnavailableError } from '../../src/value/errors.js';
import { fillMemcached } from '../support/fill-memcached.js';
import { startMemcached } from '../support/memcached-process.js';
import type { MemcachedProcess } from '../support/memcached-process.js';
import { patience } from '../support/patience.js';

const hourMs = 3_600_000;
const sizes = Array.from({ length: 20 }, (_, index) => 16 + 16 * index);

describe('The list of versions on a memcached that is full (-M)', () => {
  let server: MemcachedProcess;
  let store: Store;
  let nowMs: number;
  beforeEach(async () => {
    nowMs = 1_700_000_000_000;
    server = await startMemcached({ args: ['-M', '-m', '4'] });
    store = memcachedStore({ servers: server.address, ...patience });
    await store.open();
  });
  afterEach(async () => {
    await store.close();
    await server.stop();
  });

  function versionsOf(shard: Shard, voided: boolean[]): ShardVersions {
    const space = new KeySpace('test', '1.4', undefined);
    const clock = { now: () => nowMs, sleep: () => Promise.resolve() };
    const options = { feed: 'test', keySpace: () => space, clock, random: () => 0 };
    return new ShardVersions(shard, options, (isCleared) => void voided.push(isCleared));
  }

  it('outlives a renewal that there is no room for, and with it all entries', async () => {
    const voided: boolean[] = [];
    const versions = versionsOf(store.shards[0], voided);
    await versions.register();
    const { generation } = versions;
    await fillMemcached(server, sizes);
    nowMs += 2 * hourMs;
    await versions.renewIfOverdue();
    await versions.reread();
    expect([typeof generation, versions.generation, voided]).toEqual(['number', generation, []]);
  });

  it('goes where there is no room for a cleared one, and with it every entry, as often as that is asked for', async () => {
    const voided: boolean[] = [];
    const versions = versionsOf(store.shards[0], voided);
    await versions.register();
    await fillMemcached(server, sizes);
    for (let clears = 0; clears < 2; clears++) {
      await versions.clear();
      expect([versions.generation, voided]).toEqual([undefined, [false]]);
    }
  });

  it('is not said to be cleared where the server is away', async () => {
    const versions = versionsOf(store.shards[0], []);
    await versions.register();
    await server.kill();
    await expect(versions.clear()).rejects.toThrow(StoreUnavailableError);
  });
});
