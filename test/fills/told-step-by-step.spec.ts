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

  type Process = Awaited<ReturnType<ScriptedFleet['process']>>;
  /** B has asked the store for what A deletes before the answer comes. */
  const askedTooEarly = async (a: Process, b: Process): Promise<{ late: Promise<unknown> }> => {
    const elsewhere = <R>(call: () => Promise<R>): Promise<R> => fleet.scope.outside(call);
    await fleet.done(elsewhere(() => a.cache.getOrSet('k', () => 'old', hour)));
    const late = b.cache.get('k');
    await fleet.deliver(/^B -> read n:1::k/);
    expect(
      await fleet.done(
        elsewhere(() => a.cache.delete('k')),
        /^A/,
      ),
    ).toBe(true);
    return { late };
  };
  /** Another value comes in, and the answer after it. */
  const answeredLate = async (b: Process, late: Promise<unknown>, load = 'new'): Promise<void> => {
    const loading = b.cache.getOrSet('k', () => load, hour);
    expect(await fleet.done(loading, /^B .. (read or stub|write)/)).toBe('new');
    expect(await fleet.done(late, /^B <- read n:1::k/)).toBe('old');
  };

  it('a look-up whose answer is late is not kept in place of what was loaded since', async () => {
    const [a, b] = [await fleet.process('A'), await fleet.process('B')];
    const { late } = await askedTooEarly(a, b);
    await fleet.later(5);
    await answeredLate(b, late);
    // Which of the two is older can't be known here.
    expect(b.cache.peek('k')).toBeUndefined();
    expect(await fleet.done(b.cache.get('k'))).toBe('new');
  });

  it.each([
    ['ahead', 600],
    ['behind', -600],
  ])('what was loaded takes the place of what a clock that is %s has dated', async (_, offMs) => {
    const [a, b] = [await fleet.process('A'), await fleet.process('B')];
    a.clock.stepBy(offMs);
    await fleet.done(a.cache.getOrSet('k', () => 'old', hour));
    expect(await fleet.done(b.cache.get('k'))).toBe('old');
    const forced = fleet.scope.run(() => {
      fleet.scope.forceMiss();
      return b.cache.getOrSet('k', () => 'new', hour);
    });
    expect(await fleet.done(forced, /^B (..) (read or stub|write|invalidate)/)).toBe('new');
    expect(b.cache.peek('k')).toBe('new');
  });

  it('a look-up whose answer is late is not kept in place of what a clock that is behind has dated', async () => {
    const [a, b, c] = [await fleet.process('A'), await fleet.process('B'), await fleet.process('C')];
    c.clock.stepBy(-600);
    const { late } = await askedTooEarly(a, b);
    await fleet.done(
      c.cache.getOrSet('k', () => 'new', hour),
      /^C/,
    );
    await answeredLate(b, late, 'never');
    expect(await fleet.done(b.cache.get('k'))).toBe('new');
  });

  it('a request does not go back to what one of its look-ups was answered late', async () => {
    const [a, b] = [await fleet.process('A'), await fleet.process('B', { process: false })];
    await fleet.scope.run(async () => {
      const { late } = await askedTooEarly(a, b);
      await answeredLate(b, late);
      expect(await fleet.done(b.cache.get('k'))).toBe('new');
    });
  });

  it('a fill whose answer is late is not kept once a load has found nothing', async () => {
    const [a, b] = [await fleet.process('A'), await fleet.process('B')];
    const filled = b.cache.getOrSet('k', () => 'old', hour);
    await fleet.deliverAll(/^B .. read or stub/);
    await fleet.deliver(/^B -> write n:1::k/);
    expect(await fleet.done(a.cache.delete('k'), /^A/)).toBe(true);
    const none = b.cache.getOrSet<string | undefined>('k', () => undefined, { ...hour, isolation: 'clone' });
    await fleet.deliverAll(/^B .. read or stub/);
    await fleet.deliver(/^B <- write n:1::k/);
    expect(await fleet.done(filled, /^B .. remove/)).toBe('old');
    expect(await fleet.done(none)).toBeUndefined();
    expect(await fleet.done(b.cache.get('k'))).toBeUndefined();
  });

  it('look-ups beside each other that are given one entry keep it', async () => {
    const [a, b] = [await fleet.process('A'), await fleet.process('B')];
    await fleet.done(a.cache.getOrSet('k', () => ({ price: 1 }), hour));
    await fleet.done(Promise.all([b.cache.get('k'), b.cache.get('k'), b.cache.getOrSet('k', () => 'never', hour)]));
    expect(b.cache.peek('k')).toEqual({ price: 1 });
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

  it.each<[string, (b: Process) => Promise<unknown>, RegExp]>([
    ['update', (b) => b.cache.update('k', () => 'overtaken', hour), /^B .. read n:1::k/],
    ['set', (b) => b.cache.set('k', 'overtaken', hour), /^B .. read nothing/],
    [
      'setMany, of which one is too large',
      (b) =>
        b.cache.setMany([
          ['k', 'overtaken', hour],
          ['large', 'x'.repeat(9_000_000), hour],
        ]),
      /^B .. read nothing/,
    ],
  ])(
    'a page is not made for others of what a request has written, when another write was heard of before the answer to its %s',
    async (_, write, before) => {
      const [a, b] = [await fleet.process('A'), await fleet.process('B')];
      await fleet.scope.run(async () => {
        const written = write(b);
        await fleet.deliverAll(before);
        await fleet.deliver(/^B -> invalidate n:1::k/);
        const later = fleet.scope.outside(() => a.cache.set('k', 'later', hour));
        expect(await fleet.done(later, /^A/)).toBe(true);
        await fleet.later(1_000);
        await fleet.deliverAll(/^B .. read the feed/);
        await fleet.done(written);
        const page = b.cache.getOrSet('page', async () => `page of ${await b.cache.get<string>('k')}`, hour);
        expect(await fleet.done(page)).toBe('page of later');
      });
      // Not kept where the request has written something else as well, which was heard of, too.
      expect(['page of later', undefined]).toContain(await fleet.done(a.cache.get('page')));
    },
  );

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
