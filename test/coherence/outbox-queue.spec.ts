import { beforeEach, describe, expect, it } from '@jest/globals';
import { Outbox } from '../../src/coherence/outbox.js';
import type { Part } from '../../src/coherence/outbox.js';
import type { Unacknowledged } from '../../src/coherence/unacknowledged.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { recordEvents } from '../support/recorded-events.js';

let clock: FakeClock;
let outbox: Outbox;
let reachable: boolean;
/** What was sent, and when. */
let sent: [name: string, at: number][];
let cleared: number[];
let clearedOther: number[];
let isOtherReachable: boolean;
/** The answer to a clearing waits for it. */
let clearingHeld: Promise<void> | undefined;
/** Names with an asterisk are meant for the other one. */
const [part, other]: [Part, Part] = [
  {
    shard: { name: 'the part' },
    clear: async () => {
      cleared.push(clock.monotonic());
      await clearingHeld;
      if (!reachable) throw new Error('down');
    },
  },
  {
    shard: { name: 'the other' },
    clear: async () => {
      clearedOther.push(clock.monotonic());
      if (!isOtherReachable) throw new Error('down');
    },
  },
];
const outboxOf = (): Outbox => new Outbox('c', clock, [part, other], (name) => (name.includes('*') ? other : part));

beforeEach(() => {
  clock = new FakeClock();
  reachable = false;
  isOtherReachable = true;
  clearingHeld = undefined;
  [sent, cleared, clearedOther] = [[], [], []];
  outbox = outboxOf();
});

const add = (name: string, own: Partial<Unacknowledged> = {}): void =>
  outbox.add({
    name,
    shown: `shown ${name}`,
    resend: async () => {
      sent.push([name, clock.monotonic()]);
      if (!reachable) throw new Error('down');
    },
    ...own,
  });
const sentNames = (): string[] => sent.map(([name]) => name);

describe('What waits to be acknowledged is sent again', () => {
  it('after 100 ms, and after twice as long each time up to 2 s; from the beginning once all was acknowledged', async () => {
    add('a');
    await clock.advance('9s');
    expect(sent.map(([, at]) => at)).toEqual([100, 300, 700, 1_500, 3_100, 5_100, 7_100]);
    reachable = true;
    await clock.advance('1s');
    expect(outbox.isEmpty).toBe(true);
    expect(clock.waiting).toBe(0);
    const start = clock.monotonic();
    add('b');
    await clock.advance('1s');
    expect(sent.at(-1)).toEqual(['b', start + 100]);
  });

  it('a thousand at a time', async () => {
    reachable = true;
    for (let index = 0; index < 2_500; index++) add(`${index}`);
    await clock.advance(100);
    expect(sent).toHaveLength(1_000);
    await clock.advance(100);
    expect(sent).toHaveLength(2_000);
    await clock.advance(100);
    expect(sent).toHaveLength(2_500);
    expect(outbox.isEmpty).toBe(true);
  });

  it('a thousand for each part of the store: none waits behind what is meant for another', async () => {
    for (let index = 0; index < 2_000; index++) add(`${index}`);
    add('*another', { resend: async () => void sent.push(['*another', clock.monotonic()]) });
    await clock.advance(100);
    expect(sent).toHaveLength(1_001);
    expect(outbox.has('*another')).toBe(false);
  });

  it('in turns: what could not be acknowledged goes behind what waits as well', async () => {
    for (let index = 0; index < 1_000; index++) add(`${index}`);
    add('another', { resend: async () => void sent.push(['another', clock.monotonic()]) });
    await clock.advance('10s');
    expect(sentNames()).toContain('another');
  });

  it('and told when it begins to wait, but for what is only left to do after others', () => {
    const events = recordEvents('fault');
    add('a');
    add('after', { after: ['a'] });
    expect(events.of('fault')).toMatchObject([{ source: 'c', kind: 'write-unacknowledged', key: 'shown a' }]);
    expect(outbox.size).toBe(1);
    expect([outbox.has('a'), outbox.has('after'), outbox.has('b')]).toEqual([true, true, false]);
    events.stop();
  });

  it('in its order: what is left to do after others goes when the last of them has gone', async () => {
    add('after', { after: ['a', 'b'] });
    add('a');
    add('b', { resend: async () => void sent.push(['b', clock.monotonic()]) });
    await clock.advance(400);
    expect(sentNames()).not.toContain('after');
    reachable = true;
    await clock.advance('1s');
    expect(sentNames().at(-1)).toBe('after');
    expect(outbox.isEmpty).toBe(true);
  });

  it('as what was added last of a name, also while an earlier one is on its way', async () => {
    let answer = (): void => {};
    const held = new Promise<void>((resolve) => (answer = resolve));
    add('a', { resend: () => held });
    await clock.advance(100);
    add('a');
    answer();
    reachable = true;
    await clock.advance('1s');
    expect(sentNames()).toEqual(['a']);
    expect(outbox.isEmpty).toBe(true);
  });

  it('twice, five seconds apart, where bytes may still arrive, and that is not forgotten when it is added anew', async () => {
    reachable = true;
    add('a', { mayStillArrive: true });
    add('a');
    await clock.advance('10s');
    expect(sent.map(([, at]) => at)).toEqual([100, 5_100]);
    expect(outbox.isEmpty).toBe(true);
  });

  it('twice, also where the first is sent again before it is acknowledged', async () => {
    const answers: (() => void)[] = [];
    const resend = (): Promise<void> => {
      sent.push(['a', clock.monotonic()]);
      return sent.length > 2 ? Promise.resolve() : new Promise((resolve) => answers.push(resolve));
    };
    add('a', { mayStillArrive: true, resend });
    await clock.advance(100);
    add('b', { resend: () => Promise.resolve() });
    await clock.advance(100);
    expect(sentNames()).toEqual(['a', 'a']);
    const { sent: onTheirWay, release } = outbox.hold(['a']);
    let isHeld = true;
    void onTheirWay?.then(() => (isHeld = false));
    answers[1]?.();
    await clock.advance(10);
    expect(isHeld).toBe(true);
    answers[0]?.();
    await clock.advance(10);
    expect([isHeld, outbox.has('a')]).toEqual([false, true]);
    release();
    await clock.advance('6s');
    expect(sentNames()).toEqual(['a', 'a', 'a']);
    expect(outbox.isEmpty).toBe(true);
  });

  it('a third time, where the second was not acknowledged at once: the server may have stood with the bytes before it', async () => {
    reachable = true;
    add('a', { mayStillArrive: true });
    await clock.advance('5s');
    reachable = false;
    await clock.advance('1s');
    reachable = true;
    await clock.advance('1s');
    const acknowledgedAt = sent.at(-1)?.[1] as number;
    expect(outbox.has('a')).toBe(true);
    await clock.advance('10s');
    expect(sent.at(-1)).toEqual(['a', acknowledgedAt + 5_000]);
    expect(outbox.isEmpty).toBe(true);
  });

  it('without waiting behind a second time that is due later', async () => {
    reachable = true;
    add('a', { mayStillArrive: true });
    await clock.advance(200);
    add('b');
    await clock.advance('10s');
    expect(sent).toEqual([
      ['a', 100],
      ['b', 300],
      ['a', 5_100],
    ]);
    expect([outbox.isEmpty, clock.waiting]).toEqual([true, 0]);
  });

  it('at the first pace again where the store has answered, also when it was added before the answer', async () => {
    let answer = (): void => {};
    const held = new Promise<void>((resolve) => (answer = resolve));
    for (const name of ['a', 'b']) add(name);
    await clock.advance('4s');
    add('slow', { resend: () => held });
    sent = [];
    reachable = true;
    await clock.advance('2s');
    expect(sentNames()).toEqual(['a', 'b']);
    const start = clock.monotonic();
    add('c');
    answer();
    await clock.advance(100);
    expect(sent.at(-1)).toEqual(['c', start + 100]);
  });

  it('once more at the end, what may still arrive as well; what is not acknowledged then is given up and said', async () => {
    const events = recordEvents('writeGivenUp');
    add('given up');
    add('after', { after: ['given up'] });
    await outbox.close();
    expect(events.of('writeGivenUp')).toMatchObject([{ cache: 'c', key: 'shown given up', reason: 'closed' }]);
    expect(clock.waiting).toBe(0);
    events.clear();
    const another = outboxOf();
    const resent: string[] = [];
    another.add({ name: 'a', shown: 'a', mayStillArrive: true, resend: async () => void resent.push('a') });
    await another.close();
    expect(resent).toEqual(['a', 'a']);
    expect(events.all).toEqual([]);
    events.stop();
  });

  it('all of it at the end, however much of it fails', async () => {
    for (let index = 0; index < 1_000; index++) add(`${index}`);
    const resent: string[] = [];
    const works = (name: string, own: Partial<Unacknowledged> = {}): void =>
      add(name, { resend: async () => void resent.push(name), ...own });
    works('a', { mayStillArrive: true });
    works('after', { after: ['a'] });
    await outbox.close();
    expect(resent).toEqual(['a', 'a', 'after']);
  });
});

describe('A write of a name that waits', () => {
  it('holds it back until the last of them lets go, and others are sent meanwhile', async () => {
    reachable = true;
    add('a');
    add('b');
    const [one, other] = [outbox.hold(['a']), outbox.hold(['a', 'c'])];
    expect([one.sent, other.sent]).toEqual([undefined, undefined]);
    await clock.advance('1s');
    expect(sentNames()).toEqual(['b']);
    one.release();
    await clock.advance('1s');
    expect(sentNames()).toEqual(['b']);
    other.release();
    await clock.advance('3s');
    expect(sentNames()).toEqual(['b', 'a']);
  });

  it('is sent after what is on its way already', async () => {
    let answer = (): void => {};
    const held = new Promise<void>((resolve) => (answer = resolve));
    add('a', { resend: () => held });
    await clock.advance(100);
    let isHeld = false;
    const { sent, release } = outbox.hold(['a']);
    const holding = sent?.then(() => (isHeld = true));
    await clock.advance(0);
    expect(isHeld).toBe(false);
    answer();
    await holding;
    release();
    expect(isHeld).toBe(true);
  });

  it('settles what is left of a call that began before it, also where that was added later', async () => {
    const [removal, write] = [outbox.ticket(), outbox.ticket()];
    add('a', { ticket: removal });
    outbox.settle('a', write);
    expect(outbox.isEmpty).toBe(true);
    add('a', { ticket: outbox.ticket() });
    add('a', { ticket: removal });
    outbox.settle('a', write);
    expect(outbox.has('a')).toBe(true);
  });

  it('settles it when it was acknowledged, and neither what was added since it was sent nor what was never added', async () => {
    outbox.settle('a', outbox.ticket());
    const earlier = outbox.ticket();
    add('a');
    outbox.settle('b', outbox.ticket());
    outbox.settle('a', earlier);
    expect(outbox.has('a')).toBe(true);
    outbox.settle('a', outbox.ticket());
    expect(outbox.isEmpty).toBe(true);
    await clock.advance('1s');
    expect(sent).toEqual([]);
  });
});

describe('More than memory is there for', () => {
  /** Two texts of so many characters of two bytes each. */
  const large = (name: string): void => add(name.padEnd(100_000), { shown: name.padEnd(100_000) });
  /** One more than there is room for. */
  const overflow = (mark = ''): void => {
    for (let index = 0; index < 42; index++) large(`${mark}${index}`);
  };

  it('is 16 MiB of names: the part that they are meant for is cleared in their place', async () => {
    const events = recordEvents('fault');
    for (let index = 0; index < 41; index++) large(`${index}`);
    expect([outbox.size, outbox.has('another')]).toEqual([41, false]);
    large('41');
    expect([outbox.size, outbox.has('another'), outbox.has('*another'), outbox.isEmpty]).toEqual([
      ...[1, true, false, false],
    ]);
    expect(events.of('fault').filter(({ key }) => key === undefined)).toHaveLength(1);
    add('b');
    expect(outbox.size).toBe(2);
    reachable = true;
    await clock.advance(100);
    expect(sentNames()).toEqual(['b']);
    expect([cleared, clearedOther]).toEqual([[100], []]);
    expect([outbox.size, outbox.has('another'), outbox.isEmpty]).toEqual([0, false, true]);
    events.stop();
  });

  it('counts what is left to do after others, name by name', () => {
    const after = Array.from({ length: 150_000 }, (_, index) => `${index}`);
    add('after', { after });
    expect(outbox.has('another')).toBe(false);
    add('after too', { after });
    expect(outbox.has('another')).toBe(true);
  });

  it('counts nothing twice, and nothing that has gone', () => {
    for (let index = 0; index < 100; index++) large('the same');
    for (let index = 0; index < 100; index++) {
      large(`${index}`);
      outbox.settle(`${index}`.padEnd(100_000), outbox.ticket());
    }
    expect([outbox.size, outbox.has('another')]).toEqual([1, false]);
  });

  it('is cleared again until that is acknowledged, after twice as long each time; the rest is sent meanwhile', async () => {
    overflow();
    await clock.advance('4s');
    expect(cleared).toEqual([100, 300, 700, 1_500, 3_100]);
    add('*b', { resend: async () => void sent.push(['*b', clock.monotonic()]) });
    await clock.advance('2s');
    expect(sentNames()).toEqual(['*b']);
    reachable = true;
    await clock.advance('2s');
    expect(outbox.isEmpty).toBe(true);
    expect(cleared).toHaveLength(7);
  });

  it('for several parts clears each once, and once more when the last of them has acknowledged', async () => {
    add('*b');
    overflow();
    await clock.advance('20s');
    expect(clearedOther).toEqual([100]);
    expect([outbox.has('another'), outbox.has('*another')]).toEqual([true, false]);
    reachable = true;
    cleared.splice(0);
    await clock.advance('5s');
    expect([cleared.length, clearedOther.length]).toEqual([2, 2]);
    expect(clearedOther.at(-1)).toBeGreaterThan(cleared[0] as number);
    expect(outbox.isEmpty).toBe(true);
  });

  it('for several parts is not forgotten where more than that waits again', async () => {
    add('*b');
    overflow();
    await clock.advance('1s');
    overflow('again ');
    reachable = true;
    await clock.advance('5s');
    expect(clearedOther).toHaveLength(2);
    expect(outbox.isEmpty).toBe(true);
  });

  it('with tags among it clears all parts: what a tag has taken may lie on any', async () => {
    add('\0\0tag');
    overflow();
    await clock.advance('1s');
    expect(clearedOther).toEqual([100]);
    expect([outbox.has('\0\0*another'), outbox.has('*another')]).toEqual([true, false]);
  });

  it('is cleared once more where it grew again while a clearing was on its way', async () => {
    reachable = true;
    overflow();
    let answer = (): void => {};
    clearingHeld = new Promise((resolve) => (answer = resolve));
    await clock.advance(100);
    overflow('again ');
    answer();
    await clock.advance('1s');
    expect(cleared).toHaveLength(2);
    expect(outbox.isEmpty).toBe(true);
  });

  it('is said to be given up where it could not be cleared by the end', async () => {
    const events = recordEvents('writeGivenUp');
    overflow();
    await outbox.close();
    expect(events.of('writeGivenUp')).toMatchObject([{ cache: 'c', key: 'all entries on the part', reason: 'closed' }]);
    events.stop();
  });
});
