import { afterEach, describe, expect, it } from '@jest/globals';
import { Keyv } from 'keyv';
import { keyvStore } from '../../src/adapter/keyv-store.js';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import { memoryStore } from '../../src/store/memory-store.js';
import type { Store } from '../../src/store/store.js';
import { buildCache } from '../support/build-cache.js';
import { recordEvents } from '../support/recorded-events.js';

const hour = { ttl: '1h' } as const;
const caches: TieredCache[] = [];
afterEach(async () => {
  for (const cache of caches.splice(0)) await cache.close();
});

describe.each<[string, () => Store]>([
  ['a store in memory', () => memoryStore()],
  ['a Keyv', () => keyvStore(new Keyv())],
])('An entry built from another, without coherence on %s', (_, storeOf) => {
  it.each(['one', 'many'])('is kept: its loader is given what the store holds, and nothing near (%s)', async (kind) => {
    const store = storeOf();
    const cache = await buildCache({ store, coherence: false });
    const other = await buildCache({ name: 'other', store, coherence: false });
    caches.push(cache, other);
    const events = recordEvents('loadRefused');
    await cache.getOrSet('inner', () => 'old', hour);
    await other.set('inner', 'new', hour);
    expect(cache.peek('inner')).toBe('old');
    const load = async (): Promise<string> => `built from ${await cache.getOrSet('inner', () => 'loaded again', hour)}`;
    if (kind === 'one') await cache.getOrSet('outer', load, hour);
    else await cache.getOrSetMany(['outer'], async () => [['outer', await load()]], hour);
    expect(await other.get('outer')).toBe('built from new');
    expect(cache.peek('outer')).toBe('built from new');
    expect(events.of('loadRefused')).toEqual([]);
    events.stop();
  });
});
