import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import { memcachedStore } from '../../src/store/memcached/memcached-store.js';
import type { StoredItem } from '../../src/store/store.js';
import { buildCache } from '../support/build-cache.js';
import { fillMemcached, sizesOfLocks } from '../support/fill-memcached.js';
import { startMemcached } from '../support/memcached-process.js';
import type { MemcachedProcess } from '../support/memcached-process.js';
import { patience } from '../support/patience.js';
import { recordEvents } from '../support/recorded-events.js';
import type { RecordedEvents } from '../support/recorded-events.js';

describe('A memcached that is full and evicts nothing (-M)', () => {
  let server: MemcachedProcess;
  let cache: TieredCache;
  let faults: RecordedEvents;
  beforeEach(async () => {
    server = await startMemcached({ args: ['-M', '-m', '4'] });
    cache = await buildCache({ store: memcachedStore({ servers: server.address, ...patience }), process: false });
    await cache.getOrSet('here', () => 'kept', { ttl: '1h' });
    await fillMemcached(server, sizesOfLocks);
    faults = recordEvents('fault', 'breaker');
  });
  afterEach(async () => {
    faults.stop();
    await cache.close();
    await server.stop();
  });

  it('lets absent keys be loaded, and answers for those that it has', async () => {
    for (let index = 0; index < 6; index++)
      expect(await cache.getOrSet(`absent:${index}`, () => index, { ttl: '1h' })).toBe(index);
    const loaded: string[] = [];
    expect(await cache.getOrSet('here', () => loaded.push('here'), { ttl: '1h' })).toBe('kept');
    expect(loaded).toEqual([]);
    expect(faults.of('breaker')).toEqual([]);
    expect(faults.of('fault').map(({ kind, message }) => [kind, message])).toEqual([
      ['degraded', expect.stringContaining('has no room')],
    ]);
  });

  it('answers for those that it has, whatever is written there', async () => {
    for (let write = 0; write < 6; write++) expect(await cache.set(`new:${write}`, write, { ttl: '1h' })).toBe(false);
    expect(await cache.get('here')).toBe('kept');
    expect(faults.of('breaker')).toEqual([]);
    const said = faults.of('fault').filter(({ kind }) => kind !== 'write-unacknowledged');
    expect(said).toMatchObject([{ kind: 'degraded', message: expect.stringContaining('out of memory') }]);
  });

  it('answers for those that it has, whatever tags are invalidated there that it has no counter for', async () => {
    for (let tag = 0; tag < 6; tag++) expect(await cache.invalidateTags(`tag:${tag}`)).toBe(false);
    expect(await cache.get('here')).toBe('kept');
    expect(faults.of('breaker')).toEqual([]);
    const said = faults.of('fault').filter(({ kind }) => kind !== 'write-unacknowledged');
    expect(said).toMatchObject([{ kind: 'degraded', message: expect.stringContaining('out of memory') }]);
  });

  it('answers a look-up of keys of which it has some', async () => {
    const asked: unknown[] = [];
    const values = await cache.getOrSetMany(
      ['absent:1', 'here', 'absent:2'],
      (missing) => {
        asked.push(...missing);
        return new Map(missing.map((key) => [key, 'loaded']));
      },
      { ttl: '1h' },
    );
    expect(asked).toEqual(['absent:1', 'absent:2']);
    expect(values).toEqual(['loaded', 'kept', 'loaded']);
    expect(faults.of('breaker')).toEqual([]);
  });

  it('has nothing to write for the loads that it left to whoever asked', async () => {
    const store = memcachedStore({ servers: server.address, ...patience });
    try {
      await store.open();
      const [shard] = store.shards;
      const [there, absent] = await shard.readOrStub(['f1', 'absent'], 3_000);
      expect(there).toMatchObject({ won: false });
      expect(absent).toMatchObject({ won: true, bytes: Buffer.alloc(0) });
      const { revision } = absent as StoredItem;
      const asked = (await server.stats())['cmd_meta'];
      expect(await shard.write('absent', Buffer.from('1'), { lifeMs: 3_000, only: revision })).toEqual({
        status: 'changed',
      });
      expect(await shard.remove('absent', revision)).toBe('changed');
      expect((await server.stats())['cmd_meta']).toBe(asked);
    } finally {
      await store.close();
    }
  });
});

it('A memcached that has no room for the rest of a large value is well', async () => {
  const server = await startMemcached({ args: ['-M', '-m', '4'] });
  const cache = await buildCache({ store: memcachedStore({ servers: server.address, ...patience }), process: false });
  const faults = recordEvents('fault', 'breaker');
  expect(await cache.set('here', 'kept')).toBe(true);
  const large = 'x'.repeat(600_000);
  const taken: boolean[] = [];
  for (let write = 0; write < 16; write++) taken.push(await cache.set(`new:${write}`, large));
  expect(taken.lastIndexOf(true)).toBeLessThan(8);
  expect(await cache.get('here')).toBe('kept');
  expect(faults.of('breaker')).toEqual([]);
  const said = faults.of('fault').filter(({ kind }) => kind !== 'write-unacknowledged');
  expect(said).toMatchObject([{ kind: 'degraded', message: expect.stringContaining('has no room') }]);
  faults.stop();
  await cache.close();
  await server.stop();
});
