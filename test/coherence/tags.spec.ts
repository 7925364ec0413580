import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import { defineKey } from '../../src/catalogue/define-key.js';
import { memoryStore } from '../../src/store/memory-store.js';
import { RequestScope } from '../../src/near/request-scope.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { buildCache } from '../support/build-cache.js';
import { eventually } from '../support/eventually.js';
import { HeldAnswers } from '../support/fleet/held-answers.js';
import { FaultyStore } from '../support/faulty-store.js';
import { logRead } from '../support/log-read.js';

const caches: TieredCache[] = [];
async function cacheWith(...given: Parameters<typeof buildCache>): Promise<TieredCache> {
  const cache = await buildCache(...given);
  caches.push(cache);
  return cache;
}
afterEach(async () => {
  await Promise.all(caches.splice(0).map((cache) => cache.close()));
});
const tagged = { tags: ['t'] };

describe('a tag', () => {
  it('ends entries of every process, those whose callers never named it included', async () => {
    const store = memoryStore();
    const [one, other] = [await cacheWith({ store }), await cacheWith({ store })];
    await one.set('a', 1, tagged);
    await one.set('b', 2, { tags: ['t', 'u'] });
    await one.set('c', 3, { tags: ['u'] });
    expect(await other.get('a')).toBe(1);
    expect(await one.invalidateTags('t')).toBe(true);
    for (const cache of [one, other]) {
      await eventually(async () =>
        expect((await cache.getMany(['a', 'b', 'c'])).map(({ hit }) => hit)).toEqual([false, false, true]),
      );
    }
  });

  it('never revives an entry by losing its counter', async () => {
    const store = memoryStore();
    const cache = await cacheWith({ store, process: false });
    await cache.set('a', 'before', tagged);
    await store.shards[0].remove('test~tag:t');
    expect(await cache.lookup('a')).toMatchObject({ hit: false, reason: 'invalidated' });
    await cache.set('a', 'old', tagged);
    await cache.invalidateTags('t');
    await store.shards[0].remove('test~tag:t');
    expect(await cache.lookup('a')).toMatchObject({ hit: false, reason: 'invalidated' });
  });

  it.each([
    ['invalidates', 0.9, false],
    ['invalidates (−) not, where chance has no part in it', 0.1, true],
  ])('that begins anew in the same millisecond %s', async (_, second, isServed) => {
    const clock = new FakeClock();
    const store = memoryStore({ clock });
    const one = await cacheWith({ store, clock, random: () => 0.1, process: false });
    const other = await cacheWith({ store, clock, random: () => second, process: false });
    await one.getOrSet('a', () => 'old', tagged);
    await store.shards[0].remove('test~tag:t');
    expect(await other.invalidateTags('t')).toBe(true);
    expect((await one.lookup('a')).hit).toBe(isServed);
  });

  it('that was invalidated is not judged by what a request remembers of it', async () => {
    const [store, scope] = [memoryStore(), new RequestScope()];
    const [here, there] = [await cacheWith({ name: 'here', store, scope }), await cacheWith({ store })];
    await there.set('first', 1, tagged);
    await there.set('second', 1, tagged);
    await scope.run(async () => {
      expect(await here.get('first')).toBe(1); // remembers the generation
      await there.invalidateTags('t');
      await logRead('here');
      expect(await here.lookup('second')).toMatchObject({ hit: false });
    });
    expect(await here.lookup('second')).toMatchObject({ hit: false });
  });

  it('whose invalidation another request of this process made is not judged so either', async () => {
    const scope = new RequestScope();
    const cache = await cacheWith({ scope, process: false });
    await cache.set('first', 1, tagged);
    await cache.set('second', 1, tagged);
    await scope.run(async () => {
      await cache.get('first');
      await scope.run(() => cache.invalidateTags('t'));
      expect(await cache.lookup('second')).toMatchObject({ hit: false });
    });
  });

  it('is not read while its invalidation waits to be acknowledged', async () => {
    const faulty = new FaultyStore(memoryStore());
    const cache = await cacheWith({ store: faulty.store, coherence: { interval: 20 } });
    await cache.set('a', 'old', tagged);
    faulty.down = '~tag:t';
    expect(await cache.invalidateTags('t')).toBe(false);
    faulty.down = undefined;
    expect(await cache.lookup('a')).toMatchObject({ hit: false });
    expect(await cache.getOrSet('a', () => 'new', tagged)).toBe('new');
    await eventually(async () => {
      await cache.getOrSet('a', () => 'newer', tagged);
      expect(await cache.lookup('a')).toMatchObject({ hit: true, value: 'newer' }); // acknowledged by now
    });
  });

  it('lets nobody who comes after its invalidation join a load from before', async () => {
    const cache = await cacheWith();
    let row = 'old';
    let goOn: () => void = () => {};
    const gate = new Promise<void>((resolve) => (goOn = resolve));
    let loads = 0;
    const load = async (): Promise<string> => {
      loads++;
      const read = row;
      if (read === 'old') await gate;
      return read;
    };
    const first = cache.getOrSet('a', load, tagged);
    await eventually(() => expect(loads).toBe(1));
    row = 'new';
    await cache.invalidateTags('t');
    const second = cache.getOrSet('a', load, tagged);
    await turn(); // it has joined by now, if it joins
    goOn();
    expect(await first).toBe('old');
    expect(await second).toBe('new');
    expect(await cache.get('a')).toBe('new');
  });

  it('costs no round trip of its own where the caller names it, one where only the entry does, and is asked once a request', async () => {
    const faulty = new FaultyStore(memoryStore());
    const held = new HeldAnswers(faulty.store);
    const scope = new RequestScope();
    const cache = await cacheWith({ store: held.store, process: false, scope, coherence: { interval: 60_000 } });
    const known = defineKey('known:{id}', { owner: 'test', holds: 'a number', ttl: '1m', tags: ['t'] });
    await cache.set(known({ id: 'a' }), 1);
    await cache.set('adhoc', 1, tagged);
    /** What was asked before the entry's own answer came, and after it. */
    const asked = async (entry: string, read: () => Promise<unknown>): Promise<string[][]> => {
      held.hold('readMany', entry);
      faulty.commands.splice(0);
      const reading = read();
      await eventually(() => expect(held.held).toBe(1));
      const before = faulty.commands.splice(0);
      held.letGo();
      await reading;
      return [before, faulty.commands.splice(0)].map((commands) => commands.map((one) => one.replace(/ .*[:~]/, ' ')));
    };
    expect(await asked('known:a', () => cache.get(known({ id: 'a' })))).toEqual([['read a', 'read t'], []]);
    expect(await asked('adhoc', () => cache.get('adhoc'))).toEqual([['read adhoc'], ['read t']]);
    await scope.run(async () => {
      await cache.get(known({ id: 'a' }));
      expect(await asked('adhoc', () => cache.get('adhoc'))).toEqual([['read adhoc'], []]);
    });
    faulty.commands.splice(0);
    await cache.invalidateTags('t');
    expect(faulty.commands).toEqual(['invalidate test~tag:t test~feed']);
  });

  it('is kept in the process tier without a store, and dropped by name', async () => {
    const cache = await cacheWith({ store: undefined });
    expect(await cache.getOrSet('a', () => 1, tagged)).toBe(1);
    expect(await cache.lookup('a')).toMatchObject({ hit: true, tier: 'process' });
    await cache.invalidateTags('t');
    expect(await cache.lookup('a')).toMatchObject({ hit: false });
  });
});
