import { beforeEach, describe, expect, it } from '@jest/globals';
import { VersionedKeySpace } from '../../src/coherence/versioned-key-space.js';
import type { VersionStamp } from '../../src/coherence/versioned-key-space.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { InvalidOptionError } from '../../src/value/errors.js';
import { recordEvents } from '../support/recorded-events.js';

let clock: FakeClock;
let stamp: string | undefined;
let asked: number;
let changes: number;
const ask = (): string | undefined => {
  asked++;
  return stamp;
};
const spaceOf = (given: VersionStamp): VersionedKeySpace =>
  new VersionedKeySpace('n', '1.0.0', given, 'readable', clock, () => void changes++);

beforeEach(() => {
  clock = new FakeClock();
  [stamp, asked, changes] = ['one', 0, 0];
});

describe('The version stamp', () => {
  it('is asked once a second, by a timer, and whoever wants to know the version asks no more often', async () => {
    const spaces = spaceOf(ask);
    for (let look = 0; look < 10; look++) expect(spaces.current().versionStamp).toBe('one');
    expect(asked).toBe(1);
    await clock.advance('5s');
    expect(asked).toBe(6);
    expect(changes).toBe(0);
    spaces.close();
    await clock.advance('5s');
    expect([asked, clock.waiting]).toEqual([6, 0]);
  });

  it('changes every key at once when it changes, and that is told once', async () => {
    const spaces = spaceOf(ask);
    const before = spaces.current();
    stamp = 'two';
    expect(spaces.current()).toBe(before);
    await clock.advance('1s');
    expect(changes).toBe(1);
    expect(spaces.current().versionStamp).toBe('two');
    expect(spaces.current().storeKey('k')).not.toBe(before.storeKey('k'));
    await clock.advance('5s');
    expect(changes).toBe(1);
    spaces.close();
  });

  it('is asked by who wants to know it where the timer is late', () => {
    const spaces = spaceOf(ask);
    stamp = 'two';
    clock.jump(999);
    expect(spaces.current().versionStamp).toBe('one');
    clock.jump(1);
    expect(spaces.current().versionStamp).toBe('two');
    expect([asked, changes]).toEqual([2, 1]);
    spaces.close();
  });

  it('stays what it was where it can’t be read, with a fault; and is read again', async () => {
    const events = recordEvents('fault');
    let isBroken = false;
    const spaces = spaceOf(() => {
      if (isBroken) throw new Error('no such file');
      return ask();
    });
    isBroken = true;
    await clock.advance('1s');
    expect([spaces.current().versionStamp, changes]).toEqual(['one', 0]);
    expect(events.of('fault')).toMatchObject([{ source: 'n', kind: 'degraded' }]);
    isBroken = false;
    stamp = 'two';
    await clock.advance('1s');
    expect(spaces.current().versionStamp).toBe('two');
    events.stop();
    spaces.close();
  });

  it.each([undefined, ''])('is none where it is %p', async (none) => {
    expect(spaceOf(none).current().versionStamp).toBeUndefined();
    stamp = none;
    const spaces = spaceOf(ask);
    expect(spaces.current().versionStamp).toBeUndefined();
    await clock.advance('1s');
    expect(changes).toBe(0);
    spaces.close();
  });

  it('that is a text is what it is: no timer, and nothing is asked', () => {
    const spaces = spaceOf('fixed');
    clock.jump(3_600_000);
    expect(spaces.current().versionStamp).toBe('fixed');
    expect(clock.waiting).toBe(0);
  });

  it('stops the start where it throws, is no text, or is half a character', () => {
    expect(() => spaceOf(() => 7 as never)).toThrow(InvalidOptionError);
    expect(() => spaceOf('\ud800')).toThrow(InvalidOptionError);
    const broken = (): never => {
      throw new Error('no such file');
    };
    expect(() => spaceOf(broken)).toThrow('no such file');
  });
});
