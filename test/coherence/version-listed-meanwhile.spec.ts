import { afterEach, describe, expect, it } from '@jest/globals';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import { ScriptedFleet } from '../support/simulation/scripted-fleet.js';
import { twoShardStore } from '../support/simulation/two-shard-store.js';

describe('a release that is listed while a removal is under way', () => {
  const fleet = new ScriptedFleet();
  afterEach(() => fleet.close());

  it('T2 is reached, also where the remover has read the list before its answer comes', async () => {
    const a = await fleet.process('A', { packageVersion: '1.4' });
    const deleted = a.cache.delete('k');
    await fleet.later(0);
    const b = await fleet.process('B', { packageVersion: '1.5' }, {}, /^B/);
    const loaded = b.cache.getOrSet('k', () => fleet.pause('B loads').then(() => 'old'), { ttl: '1h' });
    await fleet.deliverAll(/^B [-<]/);
    await fleet.later(1_000);
    await fleet.deliverAll(/^A .* the feed/);
    expect(await fleet.done(deleted, /^A/)).toBe(true);
    expect(await fleet.done(loaded)).toBe('old');
    await fleet.later(1_300);
    expect(await fleet.done(b.cache.get('k'))).toBeUndefined();
  });
});

describe('a release that is listed between a call’s first part and its last', () => {
  const fleet = new ScriptedFleet(twoShardStore);
  afterEach(() => fleet.close());

  it('T2 fills nothing that it built before the last part was named', async () => {
    const a = await fleet.process('A', { packageVersion: '1.4' });
    await fleet.done(a.cache.lookup('outer'));
    // It keeps entries on the part of `inner`, and none on that of `outer` so far.
    const b = await fleet.process('B', { packageVersion: '1.5' });
    await fleet.done(b.cache.getOrSet('inner', () => 'old', { ttl: '1h' }));
    const deleted = a.cache.deleteMany(['outer', 'inner']);
    await fleet.deliverAll(/^A .* invalidate n:1\.4::outer/);
    const page = async () => `page with ${await b.cache.getOrSet('inner', () => 'new', { ttl: '1h' })}`;
    const loaded = b.cache.getOrSet('outer', page, { ttl: '1h' });
    await fleet.deliverAll(/^B (?!-> write n:1\.5::outer)/);
    expect(await fleet.done(deleted, /^A/)).toBe(true);
    expect(await fleet.done(loaded)).toBe('page with old');
    await fleet.later(1_300);
    expect(await fleet.done(b.cache.get('outer'))).toBeUndefined();
  });
});

const callsOverBoth: [string, string, (cache: TieredCache) => Promise<boolean>][] = [
  ['deleteMany', 'k', (cache) => cache.deleteMany(['outer', 'inner'])],
  ['invalidateTags', 't', (cache) => cache.invalidateTags('outside', 'inside')],
];

describe('what is built near, between the two parts of a call', () => {
  const fleet = new ScriptedFleet(twoShardStore);
  afterEach(() => fleet.close());

  it.each(callsOverBoth)('T1 is gone when %s has told the second one', async (_, namespace, call) => {
    const a = await fleet.process('A', { namespace });
    const { cache } = await fleet.process('B', { namespace });
    await fleet.done(a.cache.getMany(['outer', 'inner']));
    let row = 'old';
    const inner = (): Promise<string> => cache.getOrSet('inner', () => row, { ttl: '1h', tags: ['inside'] });
    const page = (): Promise<string> =>
      cache.getOrSet('outer', async () => `page with ${await inner()}`, { ttl: '1h', tags: ['outside'] });
    await fleet.done(inner());
    row = 'new';
    const called = call(a.cache);
    await fleet.deliverAll(/^A -> invalidate .*out/);
    await fleet.later(1_000);
    await fleet.deliverAll(/^B/);
    expect(await fleet.done(page(), /^B/)).toBe('page with old');
    expect(cache.peek('outer')).toBe('page with old');
    expect(await fleet.done(called, /^A/)).toBe(true);
    await fleet.later(1_000);
    await fleet.deliverAll();
    expect(await fleet.done(page())).toBe('page with new');
  });
});

describe('a call over two parts of the store, the first of which goes away before it is repeated', () => {
  const fleet = new ScriptedFleet(twoShardStore);
  afterEach(() => fleet.close());

  it.each(['deleteMany', 'setMany'] as const)('%s is not acknowledged, and is sent again', async (verb) => {
    const { cache } = await fleet.process('A', { namespace: `n${verb}` });
    await fleet.done(cache.lookup('outer'));
    const call =
      verb === 'deleteMany'
        ? cache.deleteMany(['outer', 'inner'])
        : cache.setMany([
            ['outer', 'new', { ttl: '1h' }],
            ['inner', 'new', { ttl: '1h' }],
          ]);
    await fleet.deliver(/^A -> invalidate/);
    await fleet.deliver(/^A -> invalidate/);
    fleet.network.away.add(0).add(1);
    expect(await fleet.done(call)).toBe(false);
    fleet.network.away.clear();
    const waiting = async () => (await fleet.done(cache.status())).unacknowledgedWrites;
    expect(await waiting()).toBe(2);
    await fleet.later(5_000);
    await fleet.deliverAll();
    // The end of the call, which goes when its names have gone.
    expect(await waiting()).toBe(1);
    await fleet.later(200);
    await fleet.deliverAll();
    expect(await waiting()).toBe(0);
  });
});

describe('a call over two parts of the store, one of which did not hear it', () => {
  const fleet = new ScriptedFleet(twoShardStore);
  afterEach(() => fleet.close());

  it.each(callsOverBoth)('T1 %s ends what was built before that part has heard it', async (_, namespace, call) => {
    const a = await fleet.process('A', { namespace });
    const b = await fleet.process('B', { namespace });
    const inner = (): Promise<string> => b.cache.getOrSet('inner', () => row, { ttl: '1h', tags: ['inside'] });
    const page = (): Promise<string> =>
      b.cache.getOrSet('outer', async () => `page with ${await inner()}`, { ttl: '1h', tags: ['outside'] });
    let row = 'old';
    await fleet.done(inner());
    row = 'new';
    const called = call(a.cache);
    await fleet.deliverAll(/^A -> invalidate .*out/);
    const loseInner = (): boolean =>
      fleet.network.lose((steps) => steps.find(({ what }) => /^A -> invalidate .*in/.test(what)));
    expect(loseInner()).toBe(true);
    await fleet.deliverAll(/^A (?!-> invalidate .*in)/);
    expect(loseInner()).toBe(true);
    expect(await fleet.done(called, /^A/)).toBe(false);
    expect(await fleet.done(page())).toBe('page with old');
    // What is sent again is not the rest of the call yet: that would come too soon for what is built now.
    await fleet.later(200);
    await fleet.deliverAll(/^A .* invalidate .*out/);
    await fleet.later(1_000);
    await fleet.deliverAll(/^B/);
    expect(await fleet.done(page(), /^B/)).toBe('page with old');
    expect(
      await fleet.done(
        a.cache.getOrSet('outer', () => 'not loaded', { tags: ['outside'] }),
        /^A(?! -> invalidate)/,
      ),
    ).toBe('page with old');
    for (let turn = 0; turn < 5; turn++) {
      await fleet.later(300);
      await fleet.deliverAll(/^A .* invalidate/);
    }
    await fleet.deliverAll();
    expect(a.cache.peek('outer')).toBeUndefined();
    expect((await fleet.done(a.cache.status())).unacknowledgedWrites).toBe(0);
    await fleet.later(1_300);
    await fleet.deliverAll();
    expect(await fleet.done(page())).toBe('page with new');
  });
});

describe('a reading of the list of versions that was sent before the list was written', () => {
  const fleet = new ScriptedFleet();
  afterEach(() => fleet.close());

  it('is no news: what was cleared stays cleared', async () => {
    const { cache } = await fleet.process('A');
    await fleet.done(cache.getOrSet('k', () => 'old', { ttl: '1h' }));
    await fleet.later(1_000);
    await fleet.deliver(/^A -> read the feed/);
    expect(await fleet.done(cache.dangerouslyClear(), /^A (?!<- read the feed)/)).toBeUndefined();
    await fleet.deliver(/^A <- read the feed/);
    await fleet.deliverAll();
    expect(await fleet.done(cache.get('k'))).toBeUndefined();
  });
});

describe('a clear by another process', () => {
  const fleet = new ScriptedFleet();
  afterEach(() => fleet.close());

  it('is heard by one that renews its listing at the same time', async () => {
    const a = await fleet.process('A', { namespace: 'renewed' });
    await fleet.done(a.cache.set('k', 'old', { ttl: '9h' }));
    for (const delayMs of [3_600_000, 1_000, 1_000]) {
      await fleet.later(delayMs);
      await fleet.deliverAll(/^A (?!-> read renewed~versions)/);
    }
    expect(a.cache.peek('k')).toBe('old');
    const b = await fleet.process('B', { namespace: 'renewed', packageVersion: '2' }, {}, /^B/);
    expect(await fleet.done(b.cache.dangerouslyClear(), /^B/)).toBeUndefined();
    await fleet.deliverAll();
    await fleet.later(1_000);
    await fleet.deliverAll();
    expect(a.cache.peek('k')).toBeUndefined();
  });

  it('is heard by a reading that was sent after it, also where that is answered after a renewal from before', async () => {
    const a = await fleet.process('A', { namespace: 'late' });
    const b = await fleet.process('B', { namespace: 'late', packageVersion: '2' });
    await fleet.done(a.cache.set('k', 'old', { ttl: '9h' }));
    for (const delayMs of [3_600_000, 1_000]) {
      await fleet.later(delayMs);
      await fleet.deliverAll(/^A (?!<- write late~versions)/);
    }
    expect(a.cache.peek('k')).toBe('old');
    expect(await fleet.done(b.cache.dangerouslyClear(), /^B/)).toBeUndefined();
    await fleet.later(1_000);
    await fleet.deliver(/^A -> read the feed/);
    await fleet.deliver(/^A <- write late~versions/);
    await fleet.deliver(/^A <- read the feed/);
    await fleet.deliverAll(/^A/);
    expect(a.cache.peek('k')).toBeUndefined();
  });

  it('is heard by one that loaded without the store, while the list of versions was lost', async () => {
    const a = await fleet.process('A', { namespace: 'lost' });
    const b = await fleet.process('B', { namespace: 'lost' });
    await fleet.store.shards[0].remove('lost~versions');
    await fleet.later(1_000);
    await fleet.deliverAll();
    fleet.network.away.add(0);
    expect(await fleet.done(a.cache.getOrSet('k', () => 'old', { ttl: '9h' }))).toBe('old');
    fleet.network.away.clear();
    await fleet.later(900);
    await fleet.deliverAll();
    expect(a.cache.peek('k')).toBe('old');
    await fleet.done(b.cache.dangerouslyClear());
    await fleet.later(1_000);
    await fleet.deliverAll();
    expect(a.cache.peek('k')).toBeUndefined();
  });
});
