import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ScriptedFleet } from '../support/simulation/scripted-fleet.js';

const hour = { ttl: '1h' } as const;
const tagged = { ...hour, tags: ['t'] };

describe('interleavings of two processes, told step by step', () => {
  let fleet: ScriptedFleet;
  beforeEach(() => {
    fleet = new ScriptedFleet();
  });
  afterEach(() => fleet.close());

  it('a look-up whose answer is late does not replace what was loaded since', async () => {
    const [a, b] = [await fleet.process('A'), await fleet.process('B')];
    await fleet.done(a.cache.getOrSet('k', () => 'old', hour));
    const late = b.cache.get('k');
    await fleet.deliver(/^B -> read n:1::k/);
    expect(await fleet.done(a.cache.delete('k'), /^A/)).toBe(true);
    await fleet.later(5);
    expect(
      await fleet.done(
        b.cache.getOrSet('k', () => 'new', hour),
        /^B .. (read or stub|write)/,
      ),
    ).toBe('new');
    expect(await fleet.done(late, /^B <- read n:1::k/)).toBe('old');
    expect(b.cache.peek('k')).toBe('new');
  });

  it('a stale entry whose answer is late is served to who asked before the delete, and to nobody afterwards', async () => {
    const [a, b] = [await fleet.process('A'), await fleet.process('B')];
    await fleet.done(a.cache.getOrSet('k', () => 'old', { ttl: '1s', staleFor: '1h' }));
    await fleet.later(2_000);
    await fleet.deliverAll();
    const load = () => b.cache.getOrSet('k', () => 'new', { ttl: '1h' });
    const early = load();
    await fleet.deliver(/^B -> read or stub n:1::k/);
    expect(await fleet.done(b.cache.delete('k'), /^B .. (invalidate|read the feed)/)).toBe(true);
    await fleet.deliver(/^B <- read or stub n:1::k/);
    expect(await early).toBe('old');
    const late = load();
    expect(await fleet.done(late)).toBe('new');
  });

  it('an update is not kept near when another write was heard of before its answer', async () => {
    const [a, b] = [await fleet.process('A'), await fleet.process('B')];
    const updated = b.cache.update('k', () => 'updated', hour);
    await fleet.deliverAll(/^B .. read n:1::k/);
    await fleet.deliver(/^B -> invalidate n:1::k/);
    expect(await fleet.done(a.cache.set('k', 'later', hour), /^A/)).toBe(true);
    await fleet.later(1_000);
    await fleet.deliverAll(/^B .. read the feed/);
    expect(await fleet.done(updated)).toBe('updated');
    expect(await fleet.done(b.cache.get('k'))).toBe('later');
  });

  it('a fill waits for the renewal of its lease that is under way', async () => {
    const [a, b] = [await fleet.process('A'), await fleet.process('B')];
    const loaded = b.cache.getOrSet('k', () => fleet.pause('B loads').then(() => 'loaded'), hour);
    await fleet.deliverAll(/^B .. read or stub/);
    await fleet.later(1_000);
    await fleet.deliver(/^B -> write n:1::k if/);
    await fleet.deliver(/^B loads/);
    expect(await fleet.done(loaded)).toBe('loaded');
    expect(await fleet.done(a.cache.get('k'))).toBe('loaded');
  });

  it('nobody joins a look-up of before the time for which the feed could not be read', async () => {
    const [a, b] = [await fleet.process('A'), await fleet.process('B')];
    await fleet.done(a.cache.getOrSet('k', () => 'old', hour));
    const first = b.cache.getOrSet('k', () => 'first', hour);
    await fleet.deliver(/^B -> read or stub/);
    expect(await fleet.done(a.cache.delete('k'), /^A/)).toBe(true);
    await fleet.later(2_000);
    const second = b.cache.getOrSet('k', () => 'new', hour);
    await fleet.deliverAll(/^B <- read or stub/);
    await fleet.deliverAll(/^B .. (read or stub|write)/);
    expect(await fleet.done(first)).toBe('old');
    expect(await fleet.done(second)).toBe('new');
  });

  it('a generation that was read before its entry was made is read again before it condemns', async () => {
    const [a, b] = [await fleet.process('A'), await fleet.process('B')];
    await fleet.done(a.cache.getOrSet('k', () => 'old', tagged));
    const asked = b.cache.getOrSet('k', () => 'loaded again', tagged);
    await fleet.deliverAll(/^B .. read n~tag:t/);
    expect(await fleet.done(a.cache.invalidateTags('t'), /^A/)).toBe(true);
    expect(
      await fleet.done(
        a.cache.getOrSet('k', () => 'new', tagged),
        /^A/,
      ),
    ).toBe('new');
    expect(await fleet.done(asked)).toBe('new');
  });

  it('nothing with a tag is kept near while the invalidation of the tag is unacknowledged', async () => {
    const { cache } = await fleet.process('B');
    fleet.network.away.add(0);
    expect(await fleet.done(cache.invalidateTags('t'))).toBe(false);
    fleet.network.away.clear();
    expect(await fleet.done(cache.getOrSet('k', () => 'one', tagged))).toBe('one');
    expect(cache.peek('k')).toBeUndefined();
    expect(await fleet.done(cache.getOrSet('k', () => 'two', tagged))).toBe('two');
  });
});
