import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { CatalogueKey } from '../../src/catalogue/catalogue-key.js';
import { defineKey } from '../../src/catalogue/define-key.js';
import type { EntryOptions } from '../../src/catalogue/entry-options.js';
import { json } from '../../src/codec/json.js';
import type { StandardSchemaV1 } from '../../src/codec/standard-schema.js';
import { text } from '../../src/codec/text.js';
import { validated } from '../../src/codec/validated.js';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import { memoryStore } from '../../src/store/memory-store.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { RequestScope } from '../../src/near/request-scope.js';
import { buildCache } from '../support/build-cache.js';
import { recordEvents } from '../support/recorded-events.js';
import { withoutPush } from '../support/without-push.js';

const minute = 60_000;

describe('explain, through the life of one entry', () => {
  const scope = new RequestScope();
  let clock: FakeClock;
  let startedAt: number;
  let cache: TieredCache;
  let loads = 0;

  /** Fresh for ten minutes, servable for twenty more, made by a load of one minute. */
  const options: EntryOptions<string> = {
    ttl: '10m',
    staleFor: '20m',
    earlyRefresh: 1,
    maxLoad: '5m',
    tags: ['prices'],
  };
  const load = async (): Promise<string> => {
    await clock.sleep(minute);
    return `price ${++loads}`;
  };

  beforeEach(async () => {
    clock = new FakeClock();
    startedAt = clock.now();
    loads = 0;
    cache = await buildCache({
      store: memoryStore({ clock }),
      clock,
      scope,
      coherence: { interval: minute },
      // exp(-1): a draw at which XFetch refreshes one cost of the load before the end of freshness.
      random: () => Math.exp(-1),
    });
  });
  afterEach(() => cache.close());

  /** Goes on to so many milliseconds after the start. */
  const until = (ms: number) => clock.advance(startedAt + ms - clock.now());
  /** `tier: freshness or reason, age, fresh for, servable for`, in seconds. */
  const told = async (): Promise<string[]> =>
    (await cache.explain('price')).tiers.map(({ tier, hit, freshness, reason, ageMs, freshForMs, servableForMs }) =>
      [`${tier}: ${hit ? freshness : reason}`, ageMs, freshForMs, servableForMs]
        .filter((part) => part !== undefined)
        .map((part) => (typeof part === 'number' ? part / 1_000 : part))
        .join(', '),
    );
  const loaded = async (): Promise<void> => {
    const loading = cache.getOrSet('price', load, options);
    await clock.advance(minute);
    expect(await loading).toBe('price 1');
  };

  it('tells all there is to tell, and never the value', async () => {
    await loaded();
    const known = {
      hit: true,
      freshness: 'fresh',
      ageMs: minute,
      freshForMs: 9 * minute,
      servableForMs: 29 * minute,
      codec: 'json',
      loadCostMs: minute,
      tags: ['prices'],
    };
    expect(await cache.explain('price')).toEqual({
      key: 'price',
      storeKey: 'test:1.0.0::price',
      packageVersion: '1.0.0',
      versionStamp: undefined,
      shard: 'memory',
      tiers: [
        { tier: 'process', ...known },
        { tier: 'memory', ...known, bytes: '"price 1"'.length },
      ],
    });
  });

  it('fresh, stale, expired: how old it is and what is left at each instant, in each tier', async () => {
    const timeline: [string, string[]][] = [];
    const note = async (at: string): Promise<void> => void timeline.push([at, await told()]);
    await note('before');
    const loading = cache.getOrSet('price', load, options);
    await clock.advance(minute / 2);
    await note('0:30, while it loads');
    await clock.advance(minute / 2);
    await loading;
    await note('1:00, loaded');
    for (const [at, ms] of [
      ['8:59.999, before the window of the early refresh', 9 * minute - 1],
      ['9:00, in the window, and nobody asks', 9 * minute],
      ['9:59.999', 10 * minute - 1],
      ['10:00', 10 * minute],
      ['29:59.999', 30 * minute - 1],
      ['30:00', 30 * minute],
    ] as const) {
      await until(ms);
      await note(at);
    }
    expect(timeline).toEqual([
      ['before', ['process: absent', 'memory: absent']],
      ['0:30, while it loads', ['process: absent', 'memory: loading']],
      ['1:00, loaded', ['process: fresh, 60, 540, 1740', 'memory: fresh, 60, 540, 1740']],
      [
        '8:59.999, before the window of the early refresh',
        ['process: fresh, 539.999, 60.001, 1260.001', 'memory: fresh, 539.999, 60.001, 1260.001'],
      ],
      ['9:00, in the window, and nobody asks', ['process: fresh, 540, 60, 1260', 'memory: fresh, 540, 60, 1260']],
      ['9:59.999', ['process: fresh, 599.999, 0.001, 1200.001', 'memory: fresh, 599.999, 0.001, 1200.001']],
      ['10:00', ['process: stale, 600, 0, 1200', 'memory: stale, 600, 0, 1200']],
      ['29:59.999', ['process: stale, 1799.999, 0, 0.001', 'memory: stale, 1799.999, 0, 0.001']],
      // The store has let go of it.
      ['30:00', ['process: expired, 1800, 0, 0', 'memory: absent']],
    ]);
    expect(loads).toBe(1);
  });

  it('a reader before the window changes nothing; the first in it begins a life anew, told once that has come', async () => {
    await loaded();
    await until(9 * minute - 1);
    expect(await cache.getOrSet('price', load, options)).toBe('price 1');
    await until(9 * minute);
    expect(await cache.getOrSet('price', load, options)).toBe('price 1');
    await until(9.5 * minute);
    expect(await told()).toEqual(['process: fresh, 570, 30, 1230', 'memory: fresh, 570, 30, 1230']);
    await until(10 * minute);
    // From the beginning of its load, at 9:00.
    expect(await told()).toEqual(['process: fresh, 60, 540, 1740', 'memory: fresh, 60, 540, 1740']);
    expect(loads).toBe(2);
  });

  it('a stale copy is told as what it is, also to the request that was served it', async () => {
    await loaded();
    await until(12 * minute);
    await scope.run(async () => {
      expect(await cache.getOrSet('price', load, options)).toBe('price 1');
      const stale = 'stale, 720, 0, 1080';
      expect(await told()).toEqual([`request: ${stale}`, `process: ${stale}`, `memory: ${stale}`]);
      await until(13 * minute);
      expect(await told()).toEqual([
        'request: stale, 780, 0, 1020',
        'process: fresh, 60, 540, 1740',
        'memory: fresh, 60, 540, 1740',
      ]);
    });
  });

  it('an invalidated entry is told as gone or as invalidated, and a copy that nobody vouches for as untrusted', async () => {
    await loaded();
    await cache.invalidateTags('prices');
    expect(await told()).toEqual(['process: absent', 'memory: invalidated, 60, 540, 1740']);
    await cache.delete('price');
    expect(await told()).toEqual(['process: absent', 'memory: absent']);
    await cache.set('price', 'set', { ...options, tags: [] });
    clock.jump(2 * minute);
    expect(await told()).toEqual(['process: untrusted, 120, 480, 1680', 'memory: fresh, 120, 480, 1680']);
  });
});

describe('explain and has', () => {
  it('say what a look-up would be told of an entry of another codec or version', async () => {
    const cache = await buildCache();
    const asJson = defineKey('v:{id}', { holds: 'a value' });
    const asText = defineKey('v:{id}', { holds: 'a value', codec: text() });
    const second = defineKey('v:{id}', { holds: 'a value', version: 2 });
    const key = { id: '1' };
    await cache.set(asText(key), 'text');
    const answers = async <V>(one: CatalogueKey<V>): Promise<unknown[]> => [
      await cache.get(one),
      await cache.has(one),
      ...(await cache.explain(one)).tiers.map(({ hit, reason }) => reason ?? hit),
    ];
    expect(await answers(asText(key))).toEqual(['text', true, true, true]);
    expect(await answers(asJson(key))).toEqual([undefined, false, 'undecodable', 'undecodable']);
    expect(await cache.has('v:1')).toBe(false);
    await cache.set(asJson(key), 'json');
    expect(await answers(second(key))).toEqual([undefined, false, 'version', 'version']);
    await cache.close();
  });

  it('take what a schema refuses for none', async () => {
    const store = memoryStore();
    const [writer, reader] = [await buildCache({ store }), await buildCache({ store })];
    const positive: StandardSchemaV1<number> = {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: (value) => (Number(value) > 0 ? { value: Number(value) } : { issues: [{ message: 'not positive' }] }),
      },
    };
    const checked = defineKey('n:{id}', { holds: 'a number', codec: validated(json<number>(), positive, true) });
    const plain = defineKey('n:{id}', { holds: 'a number', codec: json<number>() });
    const events = recordEvents('fault', 'hit', 'miss');
    for (const [value, isThere] of [
      [-1, false],
      [1, true],
    ] as const) {
      await writer.set(plain({ id: '1' }), value);
      expect(await reader.has(checked({ id: '1' }))).toBe(isThere);
      const told = (await reader.explain(checked({ id: '1' }))).tiers.at(-1);
      expect(told?.reason ?? told?.hit).toBe(isThere ? true : 'undecodable');
    }
    expect(events.all).toEqual([]);
    events.stop();
    await writer.close();
    await reader.close();
  });

  it('know of an entry that was made after a clear which nobody has told them of', async () => {
    const store = withoutPush(memoryStore());
    const [here, elsewhere] = [
      await buildCache({ name: 'here', store, coherence: { interval: '1h' } }),
      await buildCache({ name: 'elsewhere', store, coherence: { interval: '1h' } }),
    ];
    await here.get('k');
    await elsewhere.dangerouslyClear();
    await elsewhere.set('k', 1);
    expect(await here.has('k')).toBe(true);
    expect(await here.get('k')).toBe(1);
    await here.close();
    await elsewhere.close();
  });
});
