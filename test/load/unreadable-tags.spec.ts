import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import type { EntryOptions } from '../../src/catalogue/entry-options.js';
import { defineKey } from '../../src/catalogue/define-key.js';
import { json } from '../../src/codec/json.js';
import type { KeyLike } from '../../src/key/key.js';
import { RequestScope } from '../../src/near/request-scope.js';
import { memoryStore } from '../../src/store/memory-store.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { StoreUnavailableError } from '../../src/value/errors.js';
import { buildCache } from '../support/build-cache.js';
import { eventually } from '../support/eventually.js';
import { FaultyStore } from '../support/faulty-store.js';
import { HeldAnswers } from '../support/fleet/held-answers.js';
import { recordEvents } from '../support/recorded-events.js';

const tagged = { ttl: '1h', tags: ['t'] } as const;

const plainOf = defineKey('{text}', { codec: json<string>(), ttl: '1h' });
const taggedOf = defineKey('tagged', { codec: json<string>(), ttl: '1h', tags: ['t'] });
const besideOthers: [string, readonly KeyLike[]][] = [
  ['stored with its entry', ['before', 'tagged', 'after']],
  ["its key's as well", [plainOf({ text: 'before' }), taggedOf(), plainOf({ text: 'after' })]],
];

/** A cache that keeps nothing near, and finds `one`, `two`, under a tag, and `three` in its store. */
async function holdingThree(): Promise<{ cache: TieredCache; faulty: FaultyStore }> {
  const faulty = new FaultyStore(memoryStore());
  const cache = await buildCache({ store: faulty.store, process: false });
  await cache.set('before', 'one', { ttl: '1h' });
  await cache.set('tagged', 'two', tagged);
  await cache.set('after', 'three', { ttl: '1h' });
  return { cache, faulty };
}

describe('A look-up of an entry whose tags can not be read', () => {
  let caches: TieredCache[] = [];
  afterEach(async () => {
    await Promise.all(caches.map((cache) => cache.close()));
    caches = [];
  });

  it.each<[string, (cache: TieredCache) => Promise<unknown>]>([
    ['one', (cache) => cache.getOrSet('k', () => 'loaded', tagged)],
    [
      'many',
      async (cache) => (await cache.getOrSetMany(['k'], (keys) => keys.map((key) => [key, 'loaded']), tagged))[0],
    ],
  ])('is a load, whose value nobody else is given, whether or not the store holds one (%s)', async (_, ask) => {
    const shared = memoryStore();
    const faulty = new FaultyStore(shared);
    const here = await buildCache({ name: 'here', store: faulty.store, process: false });
    const there = await buildCache({ name: 'there', store: shared, process: false });
    caches = [here, there];
    await here.lookup('anything');
    faulty.down = '~tag:t';
    expect(await ask(here)).toBe('loaded');
    faulty.down = undefined;
    expect(await there.get('k')).toBeUndefined();
    expect(await there.getOrSet('k', () => 'loaded there', tagged)).toBe('loaded there');
    faulty.down = '~tag:t';
    expect(await ask(here)).toBe('loaded');
    faulty.down = undefined;
    expect(await there.get('k')).toBe('loaded there');
  });

  it.each(besideOthers)('is a miss, told of once, and those beside it are hits: its tag is %s', async (_, keys) => {
    const { cache, faulty } = await holdingThree();
    const events = recordEvents('hit', 'miss');
    faulty.down = '~tag:t';
    const found = await cache.getMany(keys);
    events.stop();
    expect(found.map((one) => (one.hit ? one.value : one.reason))).toEqual(['one', 'unavailable', 'three']);
    expect(events.all.map((event) => `${event.event} ${'key' in event ? event.key : ''}`).sort()).toEqual([
      'hit after',
      'hit before',
      'miss tagged',
    ]);
    await expect(cache.getMany(keys, { confirm: true })).rejects.toThrow(StoreUnavailableError);
  });

  it.each(besideOthers)('is loaded alone, and those beside it are hits: its tag is %s', async (_, keys) => {
    const { cache, faulty } = await holdingThree();
    faulty.down = '~tag:t';
    const loads: string[] = [];
    const found = await cache.getOrSetMany([...keys, 'new'], (missing) => {
      loads.push(missing.map(String).join());
      return missing.map((key) => [key, 'loaded']);
    });
    expect(found).toEqual(['one', 'loaded', 'three', 'loaded']);
    expect(loads).toEqual(['tagged,new']);
    faulty.down = undefined;
    expect(await Promise.all(['tagged', 'new'].map((key) => cache.get(key)))).toEqual(['two', 'loaded']);
  });
});

describe('A tag that can not be read, asked for beside others', () => {
  const otherOf = defineKey('other', { codec: json<string>(), ttl: '1h', tags: ['u'] });
  const bothOf = defineKey('both', { codec: json<string>(), ttl: '1h', tags: ['u', 't'] });
  const newOf = defineKey('new', { codec: json<string>(), ttl: '1h', tags: ['u'] });

  it('makes a load of its own entries alone, and what is loaded beside them is kept', async () => {
    const { cache, faulty } = await holdingThree();
    await cache.set(otherOf(), 'of another tag');
    await cache.set(bothOf(), 'of both');
    faulty.down = '~tag:t';
    const loads: string[] = [];
    const found = await cache.getOrSetMany([taggedOf(), otherOf(), bothOf(), newOf()], (missing) => {
      loads.push(...missing.map(String));
      return missing.map((key) => [key, 'loaded']);
    });
    expect(found).toEqual(['loaded', 'of another tag', 'loaded', 'loaded']);
    expect(loads.sort()).toEqual(['both', 'new', 'tagged']);
    faulty.down = undefined;
    const stored = await Promise.all([taggedOf(), otherOf(), bothOf(), newOf()].map((key) => cache.get(key)));
    expect(stored).toEqual(['two', 'of another tag', 'of both', 'loaded']);
    await cache.close();
  });
});

it('A tag that can not be read keeps no other entry of a setMany from being served', async () => {
  const faulty = new FaultyStore(memoryStore());
  const cache = await buildCache({ store: faulty.store, process: false });
  const otherOf = defineKey('other', { codec: json<string>(), ttl: '1h', tags: ['u'] });
  faulty.down = '~tag:t';
  await cache.setMany([
    [taggedOf(), 'tagged'],
    [otherOf(), 'other'],
    [plainOf({ text: 'plain' }), 'plain'],
  ]);
  faulty.down = undefined;
  expect(await Promise.all(['tagged', 'other', 'plain'].map((key) => cache.get(key)))).toEqual([
    undefined,
    'other',
    'plain',
  ]);
});

describe('What a forced load could not keep', () => {
  const clock = new FakeClock();
  const shared = memoryStore({ clock });
  const faulty = new FaultyStore(shared);
  let caches: TieredCache[] = [];
  beforeEach(async () => {
    const [here, there] = [
      { name: 'here', store: faulty.store },
      { name: 'there', store: shared },
    ];
    caches = await Promise.all([here, there].map((own) => buildCache({ clock, ...own })));
    await caches[0]?.set('k', 'old', tagged);
    await clock.advance('2s');
    expect(await caches[1]?.get('k')).toBe('old');
    await clock.advance('2s');
  });
  afterEach(() => Promise.all(caches.map((cache) => cache.close())));

  /** @param meanwhile what happens while it is loaded. */
  const refreshed = (meanwhile: () => unknown, options: EntryOptions<string>): Promise<string> => {
    const load = async (): Promise<string> => {
      faulty.down = undefined;
      await meanwhile();
      return 'new';
    };
    return (caches[0] as TieredCache).refresh('k', load, options);
  };
  const nothing = (): void => {};
  /** The store took the item away for want of room, and another process has asked for it. */
  const displaced = async (here: TieredCache): Promise<void> => {
    const [shard] = shared.shards;
    await shard.remove(here.storeKey('k'));
    await shard.readOrStub([here.storeKey('k')], 10_000);
  };

  it.each<[string, string | undefined, () => unknown, EntryOptions<string>]>([
    ['a tag could not be read', '~tag:t', nothing, tagged],
    ['its life is over', undefined, () => clock.advance('11s'), { ...tagged, ttl: '10s' }],
  ])('is not followed by what was near, or stored, before: %s', async (_, down, meanwhile, options) => {
    faulty.down = down;
    expect(await refreshed(meanwhile, options)).toBe('new');
    await clock.advance('2s');
    for (const cache of caches) expect(await cache.get('k')).toBeUndefined();
  });

  it.each<[string, string | undefined, () => unknown, EntryOptions<string>]>([
    ['a tag could not be read', '~tag:t', nothing, tagged],
    ['its life is over', undefined, () => clock.advance('11s'), { ...tagged, ttl: '10s' }],
  ])('leaves what another process set meanwhile: %s', async (_, down, wait, options) => {
    const meanwhile = async (): Promise<void> => {
      await wait();
      expect(await caches[1]?.set('k', 'set', tagged)).toBe(true);
    };
    faulty.down = down;
    expect(await refreshed(meanwhile, options)).toBe('new');
    await clock.advance('2s');
    for (const cache of caches) expect(await cache.get('k')).toBe('set');
  });

  it.each<[string, (here: TieredCache) => unknown, EntryOptions<string>]>([
    ['its life is over', () => clock.advance('11s'), { ttl: '10s' }],
    ['a tag could not be read', nothing, { ttl: '1h', tags: ['unread'] }],
    ['what it was to replace made room, and left a stub', displaced, { ttl: '1h' }],
  ])('is not followed by the answer to a look-up that was under way: %s', async (_, meanwhile, options) => {
    // 1. A look-up here reads the old item, and asks for the generation of its tag; 2. the forced load ends; 3. the generation comes.
    const held = new HeldAnswers(faulty.store);
    const here = await buildCache({ name: 'slow', store: held.store, clock });
    caches.push(here);
    await here.lookup('anything');
    held.hold('readMany', '~tag:t');
    const looking = here.get('k');
    await eventually(() => expect(held.held).toBe(1));
    faulty.down = '~tag:unread';
    const load = async (): Promise<string> => {
      await meanwhile(here);
      return 'new';
    };
    expect(await here.refresh('k', load, options)).toBe('new');
    faulty.down = undefined;
    held.letGo();
    await looking;
    expect(here.peek('k')).toBeUndefined();
  });

  it('is what its own request goes on with', async () => {
    const scope = new RequestScope();
    const here = await buildCache({ name: 'scoped', store: faulty.store, clock, scope });
    caches.push(here);
    await here.lookup('anything');
    await scope.run(async () => {
      faulty.down = '~tag:unread';
      expect(await here.refresh('k', () => 'new', { ttl: '1h', tags: ['unread'] })).toBe('new');
      faulty.down = undefined;
      expect(here.peek('k')).toBe('new');
    });
  });
});
