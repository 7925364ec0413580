import { EventEmitter } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { Test } from '@nestjs/testing';
import { Keyv } from 'keyv';
import { keyvStore } from '../../src/adapter/keyv-store.js';
import type { KeyvLike } from '../../src/adapter/keyv-shard.js';
import { TieredCache } from '../../src/cache/tiered-cache.js';
import { sinceLastUsed } from '../../src/catalogue/lives/since.js';
import { untilInvalidated } from '../../src/catalogue/lives/until.js';
import { memoryStore } from '../../src/store/memory-store.js';
import type { Store } from '../../src/store/store.js';
import { storeContract } from '../../src/testing/store-contract.js';
import { InvalidOptionError, StoreUnavailableError } from '../../src/value/errors.js';
import { buildCache } from '../support/build-cache.js';
import { eventually } from '../support/eventually.js';
import { cacheModule } from '../support/nest-application.js';

const oneMebibyte = 2 ** 20;

/** As small as an adapter can be. */
function mapAdapter(now: () => number = Date.now): KeyvLike {
  const items = new Map<string, { value: string; until: number }>();
  return {
    get: async (key) => {
      const item = items.get(key);
      return item && now() < item.until ? item.value : undefined;
    },
    set: async (key, value, ttl = Infinity) => void items.set(key, { value, until: now() + ttl }),
    delete: async (key) => items.delete(key),
  };
}

/** As adapters for Redis are: what the server refuses is an event, unless their switch is on. */
class SwallowingAdapter extends EventEmitter {
  isReadOnly = false;
  readonly items = new Map<string, string>();

  constructor(nameOfSwitch?: 'throwOnErrors' | 'throwErrors') {
    super();
    if (nameOfSwitch) Object.assign(this, { [nameOfSwitch]: false });
  }
  /** A Keyv puts its namespace in front. */
  holds(key: string): boolean {
    return this.items.has(key) || this.items.has(`keyv:${key}`);
  }
  async get(key: string): Promise<string | undefined> {
    return this.items.get(key);
  }
  async set(key: string, value: string): Promise<void> {
    this.unlessReadOnly(() => this.items.set(key, value));
  }
  async delete(key: string): Promise<boolean> {
    return this.unlessReadOnly(() => this.items.delete(key)) ?? false;
  }
  async clear(): Promise<void> {
    this.unlessReadOnly(() => this.items.clear());
  }

  private unlessReadOnly<R>(work: () => R): R | undefined {
    if (!this.isReadOnly) return work();
    const error = new Error("READONLY You can't write against a read only replica.");
    this.emit('error', error);
    if (Reflect.get(this, 'throwOnErrors') === true || Reflect.get(this, 'throwErrors') === true) throw error;
    return undefined;
  }
}

const atomicHere = (store: Store): Store => ({
  name: store.name,
  shards: store.shards,
  capabilities: { ...store.capabilities, atomic: true },
  shardOf: (key) => store.shardOf(key),
  open: () => store.open(),
  close: () => store.close(),
});

let nowMs = 0;

describe.each<[string, () => KeyvLike, { seen?: (store: Store) => Store; advance?: (milliseconds: number) => void }]>([
  ['a Keyv', () => new Keyv(), {}],
  // The rules that only atomic stores are asked: within one process they hold, since operations on one key take turns.
  [
    'a bare storage adapter, seen by one process',
    () => mapAdapter(() => nowMs),
    { seen: atomicHere, advance: (milliseconds) => void (nowMs += milliseconds) },
  ],
])('The store over %s', (name, make, { seen = (store) => store, advance }) => {
  storeContract(
    { describe, it },
    {
      name,
      open: async () => {
        const store = seen(keyvStore(make()));
        await store.open();
        return { store, ...(advance && { advance }), dispose: () => store.close() };
      },
      tooLargeBytes: oneMebibyte + 1,
    },
  );
});

describe('keyvStore', () => {
  it('serves a cache, which loads once per process and key', async () => {
    const keyv = new Keyv();
    const [one, other] = [await buildCache({ store: keyvStore(keyv) }), await buildCache({ store: keyvStore(keyv) })];
    let loads = 0;
    const load = () => ({ load: ++loads });
    expect(await Promise.all([one.getOrSet('a', load), one.getOrSet('a', load)])).toEqual([{ load: 1 }, { load: 1 }]);
    expect(await other.getOrSet('a', load)).toEqual({ load: 1 });
    expect(await one.lookup('a')).toMatchObject({ hit: true, tier: 'process' });
    expect(await one.delete('a')).toBe(true);
    expect(await one.get('a')).toBeUndefined();
    await Promise.all([one.close(), other.close()]);
  });

  it('takes an outage for what it is, although a Keyv would swallow it', async () => {
    const broken = new (class extends Map<string, unknown> {
      override set(): never {
        throw Object.assign(new Error('down'), { command: { args: ['hunter2'] } });
      }
      override get(): never {
        throw new Error('down');
      }
    })();
    const store = keyvStore(new Keyv({ store: broken }));
    const cache = await buildCache({ store });
    expect(await cache.set('a', 1)).toBe(false);
    expect(await cache.delete('a')).toBe(false);
    expect(await cache.getOrSet('b', () => 2)).toBe(2);
    await cache.close();
    await store.open();
    const refusal: unknown = await store.shards[0]
      .write('a', Buffer.from('x'), { lifeMs: 1 })
      .catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(StoreUnavailableError);
    expect((refusal as Error).cause).toMatchObject({ message: 'down' });
    expect((refusal as Error).cause).not.toHaveProperty('command');
    await store.close();
  });

  it('takes a get that failed once for no item of somebody else', async () => {
    let cuts = 0;
    const adapter = new (class extends Map<string, unknown> {
      override get(key: string): unknown {
        if (cuts-- > 0) throw new Error('the connection was cut');
        return super.get(key);
      }
    })();
    const store = keyvStore(new Keyv({ store: adapter }));
    await store.open();
    const [shard] = store.shards;
    await shard.write('a', Buffer.from('mine'), { lifeMs: 60_000 });
    cuts = 1;
    const [read] = await shard.readMany(['a']);
    expect(read?.bytes.toString()).toBe('mine');
    await store.close();
  });

  describe.each<[string, (adapter: SwallowingAdapter) => KeyvLike]>([
    ['a Keyv over an adapter', (adapter) => new Keyv({ store: adapter })],
    ['a bare adapter', (adapter) => adapter],
  ])('over %s that swallows errors', (_, keyvOver) => {
    it.each(['throwOnErrors', 'throwErrors'] as const)(
      'acknowledges nothing that its server refused: %s',
      async (name) => {
        const adapter = new SwallowingAdapter(name);
        const cache = await buildCache({ store: keyvStore(keyvOver(adapter)) });
        expect(await cache.set('a', 'old')).toBe(true);
        adapter.isReadOnly = true;
        expect(await cache.delete('a')).toBe(false);
        expect(await cache.set('b', 'new')).toBe(false);
        adapter.isReadOnly = false;
        await eventually(() => expect(adapter.holds(cache.storeKey('a'))).toBe(false));
        await cache.close();
      },
    );

    it('acknowledges no delete that deleted nothing, also without a switch', async () => {
      const adapter = new SwallowingAdapter();
      const cache = await buildCache({ store: keyvStore(keyvOver(adapter)) });
      expect(await cache.set('a', 'old')).toBe(true);
      expect(adapter.holds(cache.storeKey('a'))).toBe(true);
      adapter.isReadOnly = true;
      expect(await cache.delete('a')).toBe(false);
      adapter.isReadOnly = false;
      await eventually(() => expect(adapter.holds(cache.storeKey('a'))).toBe(false));
      await cache.close();
    });
  });

  describe.each<[string, string, (adapter: KeyvLike) => KeyvLike]>([
    ['a bare adapter', '', (adapter) => adapter],
    ['a Keyv over an adapter', 'keyv:', (store) => new Keyv({ store })],
    [
      'a Keyv with a deserialization of its own',
      'keyv:',
      (store) =>
        new Keyv({
          store,
          serialize: (data) => `ours${JSON.stringify(data)}`,
          deserialize: (text) => {
            if (!text.startsWith('ours')) throw new Error('not ours');
            return JSON.parse(text.slice('ours'.length)) as object;
          },
        }),
    ],
  ])('over %s', (_, prefix, keyvOver) => {
    it.each([['a text'], [''], ['7'], ['null'], [{ an: 'object' }], [7]])(
      'reads %j that somebody else wrote as a miss, writes over it, and deletes it',
      async (foreign) => {
        const items = new Map<string, unknown>();
        const adapter = {
          get: async (key: string) => items.get(key),
          set: async (key: string, value: string) => void items.set(key, value),
          delete: async (key: string) => items.delete(key),
          clear: async () => items.clear(),
        };
        const cache = await buildCache({ store: keyvStore(keyvOver(adapter)) });
        items.set(prefix + cache.storeKey('a'), foreign);
        expect(await cache.lookup('a')).toMatchObject({ hit: false, reason: expect.not.stringMatching('unavailable') });
        expect(await cache.getOrSet('a', () => 1)).toBe(1);
        expect(items.get(prefix + cache.storeKey('a'))).not.toBe(foreign);
        items.set(prefix + cache.storeKey('b'), foreign);
        expect(await cache.delete('b')).toBe(true);
        expect(items.has(prefix + cache.storeKey('b'))).toBe(false);
        await cache.close();
      },
    );
  });

  it('ends nothing that has no end, nor what has a tag, with the life that its Keyv gives to all', async () => {
    const keyv = new Keyv({ ttl: 20 });
    const cache = await buildCache({ store: keyvStore(keyv), process: false });
    expect(await cache.set('lasting', 1, { ttl: untilInvalidated() })).toBe(true);
    expect(await cache.set('tagged', 2, { ttl: '1h', tags: ['team'] })).toBe(true);
    await keyv.set('brief', 3);
    await eventually(async () => expect(await keyv.get('brief')).toBeUndefined());
    expect(await cache.getMany(['lasting', 'tagged'])).toMatchObject([{ value: 1 }, { value: 2 }]);
    await cache.close();
  });

  it('is closed once, and ends its Keyv', async () => {
    let ended = 0;
    const store = keyvStore({ ...mapAdapter(), disconnect: async () => void ended++ });
    await store.open();
    await store.close();
    await store.close();
    expect(ended).toBe(1);
  });

  it('refuses at once what it can not use, and says what to give', () => {
    const refusal = (make: () => unknown): string => {
      try {
        make();
      } catch (error) {
        expect(error).toBeInstanceOf(InvalidOptionError);
        return (error as Error).message;
      }
      return 'taken';
    };
    expect(refusal(() => keyvStore(new Map() as never))).toMatch(/a Map ends no lives.*memoryStore/);
    expect(refusal(() => keyvStore({} as never))).toMatch(/Give a Keyv or a storage adapter/);
    expect(refusal(() => keyvStore(undefined as never))).toMatch(/Give a Keyv or a storage adapter/);
    expect(refusal(() => keyvStore({ ...mapAdapter(), hooks: 1, stats: 1 } as never))).toMatch(/version 5\.4/);
    const ofKeyv6 = { ...mapAdapter(), capabilities: { expires: true } };
    expect(refusal(() => keyvStore(ofKeyv6))).toMatch(/keyv 6.*would keep nothing/);
    expect(refusal(() => keyvStore(new Keyv(), { reach: 'planet' as never }))).toMatch(/reach: 'planet' is none/);
    expect(refusal(() => keyvStore(new Keyv(), { maxItemBytes: 1 }))).toMatch(/maxItemBytes/);
    expect(refusal(() => keyvStore(new Keyv(), { name: 'No Tier' }))).toMatch(/^name: /);
  });
});

describe('What a Keyv can not do is refused', () => {
  it.each([
    ['locks that were given it', { stores: memoryStore(), lock: { store: keyvStore(new Keyv()) } }],
    ['locks in the store of the cache', { stores: keyvStore(new Keyv()), lock: { ttl: '5s' } as const }],
  ])('when the application starts: %s', async (_, options) => {
    const starting = Test.createTestingModule({ imports: [cacheModule(options)] }).compile();
    await expect(starting).rejects.toThrow(
      'lock.store: the keyv store has no atomic operations. Use memcached, Redis, disk or memory.',
    );
  });

  it('but not to who asks for no locks', async () => {
    const module = await Test.createTestingModule({
      imports: [cacheModule({ stores: keyvStore(new Keyv()) })],
    }).compile();
    const cache = module.get(TieredCache);
    expect(await cache.getOrSet('a', () => 1)).toBe(1);
    await module.close();
  });

  it('when it is called: a comparison of what is stored, and a life that slides', async () => {
    const store = keyvStore(new Keyv());
    expect(store.capabilities).toMatchObject({ atomic: false, touch: false, reach: 'process', durable: false });
    await expect(store.shards[0].touch('a', 1)).rejects.toThrow(StoreUnavailableError);
    const cache = await buildCache({ store });
    for (const refused of [cache.update('a', () => 1), cache.setIfAbsent('a', 1)]) {
      await expect(refused).rejects.toThrow(/stores: .*Use memcached, Redis, disk or memory\./);
    }
    await expect(cache.set('a', 1, { ttl: sinceLastUsed('1m', { maxAge: '1h' }) })).rejects.toThrow(InvalidOptionError);
    await cache.close();
  });
});
