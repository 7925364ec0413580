import { afterEach, describe, expect, it } from '@jest/globals';
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
    expect(await waiting()).toBe(0);
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
