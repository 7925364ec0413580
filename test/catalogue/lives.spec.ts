import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { resolveInstants } from '../../src/catalogue/instants.js';
import type { Life } from '../../src/catalogue/life.js';
import { earliest } from '../../src/catalogue/lives/earliest.js';
import { sinceLastChecked, sinceLastUsed, sinceOriginallySet, sinceSet } from '../../src/catalogue/lives/since.js';
import { untilEndOfDay } from '../../src/catalogue/lives/until-end-of-day.js';
import { sinceSetFromEnv } from '../../src/catalogue/lives/since-set-from-env.js';
import { untilInstant, untilInvalidated } from '../../src/catalogue/lives/until.js';
import { InvalidDurationError, InvalidOptionError } from '../../src/value/errors.js';
import { buildCache } from '../support/build-cache.js';

const minute = 60_000;
const start = Date.UTC(2025, 5, 1, 12);

/** Fresh until then, and stale at no time. */
function endsAt<V>(life: Life<V>, end: number, value: V, createdAt = start): void {
  const instants = resolveInstants({ ttl: life }, value, createdAt, () => 0);
  expect(instants).toMatchObject({ freshUntil: end, staleUntil: end });
}

describe('a life', () => {
  it('runs since the entry was set', () => {
    endsAt(sinceSet('15m'), start + 15 * minute, null);
    endsAt(sinceSet(400), start + 400, null);
    expect(sinceSet('15m').description).toBe('15 minutes since set');
    expect(sinceSet('15m', { jitter: 0.1 }).description).toBe('15 minutes since set, less up to 10 % at random');
  });

  it('is shortened by jitter, within its bounds', () => {
    const life = sinceSet('15m', { jitter: 0.1 });
    for (const [share, lengthMs] of [
      [0, 15 * minute],
      [0.5, 14.25 * minute],
      [0.999999, 13.5 * minute],
    ] as const) {
      expect(life.freshUntil({ value: null, createdAt: start, random: () => share }) - start).toBeCloseTo(lengthMs, -1);
    }
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 41 }), (createdAt) => {
        const lengthMs = life.freshUntil({ value: null, createdAt }) - createdAt;
        return lengthMs <= 15 * minute && lengthMs > 13.5 * minute - 1;
      }),
    );
    for (const jitter of [-0.1, 0.6, NaN]) expect(() => sinceSet(1, { jitter })).toThrow(InvalidOptionError);
  });

  it('runs since the value was originally set, however late it was copied', () => {
    const life = sinceOriginallySet('1h', (value: { madeAt: number }) => value.madeAt);
    endsAt(life, start + 60 * minute, { madeAt: start });
    endsAt(life, start + 60 * minute, { madeAt: start }, start + 50 * minute);
    endsAt(sinceOriginallySet('1h'), start + 60 * minute, null);
    expect(life.description).toBe('1 hour since originally set');
  });

  it('runs since the value was last checked, and anew only after another check', () => {
    const life = sinceLastChecked('8h', (value: { checkedAt: Date }) => value.checkedAt);
    const end = start + 8 * 60 * minute;
    endsAt(life, end, { checkedAt: new Date(start) });
    endsAt(life, end, { checkedAt: new Date(start) }, start + 60 * minute);
    endsAt(life, end + 60 * minute, { checkedAt: new Date(start + 60 * minute) }, start + 60 * minute);
  });

  it('is what a variable of the environment says when the entry is made', async () => {
    const name = 'LIVES_SPEC_TIMEOUT';
    const life = sinceSetFromEnv(name, 300);
    const cache = await buildCache();
    try {
      expect(life.description).toBe('LIVES_SPEC_TIMEOUT since set, by default 5 minutes');
      endsAt(life, start + 5 * minute, null);
      process.env[name] = '60';
      endsAt(life, start + minute, null);
      process.env[name] = '';
      endsAt(life, start + 5 * minute, null);
      process.env[name] = '0';
      expect(resolveInstants({ ttl: life }, null, start).freshUntil).toBe(start);
      let loads = 0;
      const load = (): number => ++loads;
      expect([await cache.getOrSet('a', load, { ttl: life }), await cache.getOrSet('a', load, { ttl: life })]).toEqual([
        1, 2,
      ]);
      process.env[name] = '1h';
      await expect(cache.getOrSet('a', load, { ttl: life })).rejects.toThrow(
        /^LIVES_SPEC_TIMEOUT: '1h' is not a number/,
      );
      expect(life.description).toBe('LIVES_SPEC_TIMEOUT since set, by default 5 minutes');
    } finally {
      delete process.env[name];
      await cache.close();
    }
    for (const seconds of ['30m', 0.5, -1, undefined] as number[])
      expect(() => sinceSetFromEnv(name, seconds)).toThrow('LIVES_SPEC_TIMEOUT: what it stands for by default');
  });

  it('slides with use, up to a maximum age', () => {
    const life = sinceLastUsed('10m', { maxAge: '2h' });
    expect(resolveInstants({ ttl: life }, null, start)).toEqual({
      freshUntil: start + 120 * minute,
      staleUntil: start + 120 * minute,
      idleMs: 10 * minute,
    });
    expect(life.description).toBe('10 minutes since last used, at most 2 hours since set');
    expect(() => sinceLastUsed('2h', { maxAge: '10m' })).toThrow(InvalidDurationError);
    expect(() => sinceLastUsed(0, { maxAge: '10m' })).toThrow(InvalidDurationError);
  });

  it('runs until an instant in the data', () => {
    const life = untilInstant((value: { expiresAt: Date | number | null | undefined }) => value.expiresAt);
    endsAt(life, start + 5, { expiresAt: new Date(start + 5) });
    endsAt(life, start + 7, { expiresAt: start + 7 });
    for (const expiresAt of [undefined, null]) {
      expect(() => resolveInstants({ ttl: life }, { expiresAt }, start)).toThrow(/untilInvalidated/);
      endsAt(earliest(life, sinceSet('1h')), start + 60 * minute, { expiresAt });
    }
    endsAt(earliest(life, sinceSet('1h')), start + 5, { expiresAt: start + 5 });
    expect(() => untilInstant(() => start, { describtion: 'x' } as object)).toThrow('Did you mean description?');
  });

  it('that ended before it began is none', () => {
    const life = untilInstant((value: number) => value);
    expect(resolveInstants({ ttl: life, staleFor: '1h' }, start - 1, start)).toEqual({
      freshUntil: start,
      staleUntil: start,
    });
  });

  it('is without end only where that is said', () => {
    expect(resolveInstants({ ttl: untilInvalidated() }, null, start)).toEqual({
      freshUntil: Infinity,
      staleUntil: Infinity,
    });
    expect(resolveInstants({ ttl: untilInvalidated(), staleFor: '1h', jitter: 0.5 }, null, start).freshUntil).toBe(
      Infinity,
    );
    const careless: Life = { description: 'careless', freshUntil: () => Infinity };
    expect(() => resolveInstants({ ttl: careless }, null, start)).toThrow(InvalidDurationError);
    const perpetual = untilInstant(() => undefined);
    expect(resolveInstants({ ttl: earliest(untilInvalidated(), perpetual) }, null, start).freshUntil).toBe(Infinity);
  });

  it('combined ends with the earliest of its parts', () => {
    const parts = [sinceSet('3h'), untilInstant((value: { until: number }) => value.until), untilInvalidated()];
    fc.assert(
      fc.property(fc.integer({ min: start + 1, max: start + 1e9 }), (until) => {
        const { freshUntil } = resolveInstants({ ttl: earliest(...parts) }, { until }, start);
        return freshUntil === Math.min(until, start + 180 * minute);
      }),
    );
    const sliding = earliest(
      sinceLastUsed('10m', { maxAge: '2h' }),
      sinceLastUsed('5m', { maxAge: '3h' }),
      sinceSet('1h'),
    );
    expect(resolveInstants({ ttl: sliding }, null, start)).toMatchObject({
      freshUntil: start + 60 * minute,
      idleMs: 5 * minute,
    });
    expect(earliest(sinceSet('1h'), untilInvalidated()).description).toBe(
      'the earliest of: 1 hour since set; until invalidated',
    );
    expect(earliest(sinceSet('1h')).description).toBe('1 hour since set');
    expect(() => earliest()).toThrow(InvalidOptionError);
  });

  it.each<[string, Life<never>]>([
    ['sinceOriginallySet', sinceOriginallySet('1h', () => new Date(NaN))],
    ['sinceLastChecked', sinceLastChecked('1h', () => NaN)],
    ['untilInstant', untilInstant(() => NaN)],
    ['untilInstant, with an infinity', untilInstant(() => Infinity)],
    ['untilInstant, with a text', untilInstant(() => '2025-01-01' as unknown as Date)],
    ['untilEndOfDay', untilEndOfDay({ zone: 'UTC', unixDate: () => NaN })],
    [
      'a combination',
      earliest(
        sinceSet('1h'),
        untilInstant(() => new Date('nonsense')),
      ),
    ],
    ['a life of one’s own', { description: '', freshUntil: () => NaN }],
    ['a life of one’s own without beginning', { description: '', freshUntil: () => -Infinity }],
  ])('of data that gives no instant is an error: %s', (_name, life) => {
    expect(() => resolveInstants({ ttl: life }, null as never, start)).toThrow(InvalidDurationError);
  });

  it.each([0, -1, NaN, Infinity, 'soon', ''])('has no length of %p', (length) => {
    expect(() => sinceSet(length as number)).toThrow(InvalidDurationError);
    expect(() => sinceOriginallySet(length as number)).toThrow(InvalidDurationError);
    expect(() => sinceLastChecked(length as number, () => 0)).toThrow(InvalidDurationError);
  });
});
