import { beforeEach, describe, expect, it } from '@jest/globals';
import { ServerClock } from '../../src/store/memcached/server-clock.js';
import { ServerError } from '../../src/store/memcached/server-error.js';
import type { MetaReply } from '../../src/store/memcached/meta-reply.js';
import { VirtualClock } from '../../src/testing/simulation/virtual-clock.js';

const monthSeconds = 2_592_000;
let clock: VirtualClock;
let serverClock: ServerClock;
let askedAgain: number;

beforeEach(() => {
  clock = new VirtualClock();
  askedAgain = 0;
  serverClock = new ServerClock(clock, () => askedAgain++);
});

/** What a server answers whose item was made that long ago by its own clock. */
const after = (seconds: number, item = 1): MetaReply =>
  ({ code: 'HD', secondsLeft: monthSeconds - seconds, revision: item }) as MetaReply;

/** Asks once more, `passMs` later; the answer takes no time. */
function goesOn(passMs: number, reply: MetaReply | ServerError | undefined, session = 1): boolean {
  clock.skip(passMs);
  return serverClock.note(session, reply, clock.monotonic());
}

describe('The clock of a server', () => {
  it('goes on, also where it is two seconds behind what it said at best', () => {
    expect(goesOn(0, after(0))).toBe(true);
    expect(goesOn(10_000, after(10))).toBe(true);
    expect(goesOn(1_999, after(10))).toBe(true);
    expect(goesOn(1, after(12))).toBe(true);
  });

  it('stands where it is further behind, until it has gone on', () => {
    goesOn(0, after(0));
    expect(goesOn(5_000, after(0))).toBe(false);
    expect(goesOn(20, after(0))).toBe(false);
    expect(goesOn(1, after(5))).toBe(true);
    expect(goesOn(5_000, after(5))).toBe(false);
  });

  it('was set back where it stays behind for more than two seconds', () => {
    goesOn(0, after(3_600));
    expect(goesOn(1_000, after(1))).toBe(false);
    expect(goesOn(2_000, after(3))).toBe(false);
    expect(goesOn(1, after(3))).toBe(true);
    expect(goesOn(1_000, after(4))).toBe(true);
    expect(goesOn(5_000, after(4))).toBe(false);
  });

  it('is asked once more when one that was set back would be believed', async () => {
    goesOn(0, after(3_600));
    goesOn(1_000, after(1));
    goesOn(20, after(1));
    await clock.advanceTo(clock.monotonic() + 1_900, () => Promise.resolve());
    expect(askedAgain).toBe(0);
    await clock.advanceTo(clock.monotonic() + 100, () => Promise.resolve());
    expect(askedAgain).toBe(1);
  });

  it('may drift behind by half a second in a thousand', () => {
    goesOn(0, after(0));
    expect(goesOn(10_000_000, after(9_993))).toBe(true);
    expect(goesOn(10_000_000, after(19_985))).toBe(false);
  });

  it.each([
    ['over another connection', after(0), 2],
    ['by another item', after(0, 2), 1],
  ])('is compared with nothing that was said %s', (_, reply, session) => {
    goesOn(0, after(3_600));
    expect(goesOn(10_000, reply, session)).toBe(true);
  });

  it.each([
    ['no answer', undefined],
    ['an error', new ServerError('out of memory')],
    ['no item', { code: 'EN' } as MetaReply],
  ])('is not known by %s', (_, reply) => {
    goesOn(0, after(3_600));
    expect(goesOn(10_000, reply)).toBe(true);
  });

  it('is not measured by what this process was too busy to read', () => {
    const late = (ms: number, reply: MetaReply): boolean => {
      const sentAt = clock.monotonic();
      clock.skip(ms);
      return serverClock.note(1, reply, sentAt);
    };
    // What it said at first was true 3 s ago.
    expect(late(3_000, after(1))).toBe(true);
    expect(goesOn(20, after(4))).toBe(true);
    expect(late(3_000, after(4))).toBe(false);
    expect(late(3_000, after(7))).toBe(false);
    expect(goesOn(20, after(10))).toBe(true);
    expect(goesOn(6_000, after(10))).toBe(false);
  });

  it('is known by the first reading, however late that was', () => {
    const sentAt = clock.monotonic();
    clock.skip(1_500);
    expect(serverClock.note(1, after(1), sentAt)).toBe(true);
    expect(goesOn(10_000, after(2))).toBe(false);
  });

  it('that stands a second time is not taken for one that was set back', () => {
    goesOn(0, after(0));
    expect(goesOn(3_500, after(0))).toBe(false);
    // Asked during the second stop, and answered by the clock of before.
    const sentAt = clock.monotonic() + 2_001;
    clock.skip(6_000);
    expect(serverClock.note(1, after(4), sentAt)).toBe(false);
    expect(goesOn(0, after(4))).toBe(false);
  });
});
