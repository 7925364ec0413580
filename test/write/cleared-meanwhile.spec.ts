import { afterEach, describe, expect, it } from '@jest/globals';
import { storeBehind } from '../../src/origin/shard-behind.js';
import type { Invalidation } from '../../src/store/feed.js';
import { buildCache } from '../support/build-cache.js';
import { eventually } from '../support/eventually.js';
import { shardWith } from '../support/shard-with.js';
import { ScriptedFleet } from '../support/simulation/scripted-fleet.js';
import { storePlaceNames, storePlaces } from '../support/store-places.js';

const life = { ttl: '1h' } as const;

describe('a value on whose way to the store everything is cleared', () => {
  const fleet = new ScriptedFleet();
  afterEach(() => fleet.close());

  /** 1. A knows the list of versions, and sends its value under it; 2. B clears; 3. the value arrives. */
  async function overtaken<R>(write: 'set' | 'update' | 'setIfAbsent'): Promise<{ given: R; found: unknown }> {
    const [a, b] = [await fleet.process('A'), await fleet.process('B')];
    await fleet.done(a.cache.set('k', 'before', life));
    if (write === 'setIfAbsent') await fleet.done(a.cache.delete('k'));
    const value = { set: 'new', update: () => 'new', setIfAbsent: 'new' }[write];
    const written = (a.cache[write] as (...args: unknown[]) => Promise<R>)('k', value, life);
    await fleet.deliverAll(/^A (?!.*invalidate)/);
    await fleet.done(b.cache.dangerouslyClear(), /^B/);
    // What depends on what was there is decided once more, after a pause.
    await fleet.deliverAll();
    await fleet.later(100);
    const given = await fleet.done(written);
    return { given, found: await fleet.done(b.cache.get('k')) };
  }

  it.each(['set', 'update', 'setIfAbsent'] as const)('is there afterwards, as %s has said', async (write) => {
    const { given, found } = await overtaken(write);
    expect(given).toBe(write === 'set' ? true : 'new');
    expect(found).toBe('new');
  });
});

describe.each(storePlaceNames)(
  'what another process clears while a set is on its way back from the %s store',
  (name) => {
    it('is set once more, in the place of nothing else', async () => {
      const place = await storePlaces[name]();
      let answer = (): void => {};
      const gate = new Promise<void>((resolve) => (answer = resolve));
      let sent = 0;
      let isCarriedOut = false;
      const store = storeBehind(place.connect(), (shard) =>
        shardWith(shard, {
          async invalidate(asked: Invalidation) {
            const isFirst = ++sent === 1;
            const done = await shard.invalidate?.(asked);
            if (isFirst) isCarriedOut = true;
            if (isFirst) await gate;
            return done;
          },
        }),
      );
      const here = await buildCache({ name: 'here', store });
      const mate = await buildCache({ name: 'mate', store: place.connect() });
      const set = here.setMany(['k', 'replaced', 'removed'].map((key) => [key, 'set', life] as const));
      await eventually(() => expect(isCarriedOut).toBe(true));
      await mate.dangerouslyClear();
      expect(await mate.set('replaced', 'later', life)).toBe(true);
      expect(await mate.delete('removed')).toBe(true);
      // By its answer, this process learns of the clear.
      expect(await here.delete('other')).toBe(true);
      answer();
      expect(await set).toBe(true);
      for (const cache of [here, mate]) {
        const found = await Promise.all(['k', 'replaced', 'removed'].map((key) => cache.get(key)));
        expect(found).toEqual(['set', 'later', undefined]);
      }
      await Promise.all([here.close(), mate.close()]);
      await place.remove();
    });
  },
);
