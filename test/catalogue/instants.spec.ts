import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { EntryOptions } from '../../src/catalogue/entry-options.js';
import { resolveInstants } from '../../src/catalogue/instants.js';
import type { Duration } from '../../src/value/duration.js';
import { InvalidDurationError, InvalidOptionError } from '../../src/value/errors.js';

const start = 1_700_000_000_000;
const month = 31 * 86_400_000;

const freshFor = (ttl: EntryOptions<number>['ttl'], value = 5): number =>
  resolveInstants({ ttl }, value, start).freshUntil - start;

describe('the instants of an entry', () => {
  it.each<[string, EntryOptions<number>['ttl'], number]>([
    ['milliseconds', 300_000, 300_000],
    ['a text', '5m', 300_000],
    ['0.4 s', 400, 400],
    ['0.4 s as a text', '0.4s', 400],
    ['31 days', month, month],
    ['31 days as a text', '31 days', month],
    ['a date', new Date(start + 7), 7],
    ['a function to milliseconds', (value) => value * 1000, 5000],
    ['a function to a text', () => '1h', 3_600_000],
    ['a function to a date', (value) => new Date(start + value), 5],
    ['nothing', 0, 0],
    ['a text of nothing', '0', 0],
    ['a date in the past', new Date(start - 1), 0],
    ['a function to nothing', () => 0, 0],
  ])('are exact for %s', (_name, ttl, lengthMs) => {
    expect(freshFor(ttl)).toBe(lengthMs);
  });

  it.each<[EntryOptions<number>['ttl']]>([
    [-1],
    [NaN],
    [Infinity],
    [-Infinity],
    ['-5m'],
    ['soon' as Duration],
    ['' as Duration],
    [undefined],
    [null as never],
    [true as never],
    [new Date(NaN)],
    [() => NaN],
    [() => -1],
    [() => Infinity],
    [() => new Date(NaN)],
    [() => undefined as never],
  ])('are an error that names ttl for %p', (ttl) => {
    const given = { ttl } as EntryOptions<number>;
    expect(() => resolveInstants(given, 5, start)).toThrow(InvalidDurationError);
    expect(() => resolveInstants(given, 5, start)).toThrow(/^ttl: /);
  });

  it('have a stale time after the fresh one, but none for what is not kept', () => {
    expect(resolveInstants({ ttl: 10, staleFor: 5 }, 1, start)).toEqual({
      freshUntil: start + 10,
      staleUntil: start + 15,
    });
    expect(resolveInstants({ ttl: '1s', staleFor: '1m' }, 1, start).staleUntil).toBe(start + 61_000);
    expect(resolveInstants({ ttl: 0, staleFor: '1m' }, 1, start)).toEqual({ freshUntil: start, staleUntil: start });
    for (const staleFor of [-1, NaN, Infinity, 'later' as Duration]) {
      expect(() => resolveInstants({ ttl: 10, staleFor }, 1, start)).toThrow(/^staleFor: /);
    }
  });

  it('are shortened by jitter, never lengthened, the stale time not at all', () => {
    expect(resolveInstants({ ttl: 1000, jitter: 0.5, staleFor: 10 }, 1, start, () => 0.5)).toEqual({
      freshUntil: start + 750,
      staleUntil: start + 760,
    });
    expect(resolveInstants({ ttl: new Date(start + 1000), jitter: 0.1 }, 1, start, () => 1).freshUntil).toBe(
      start + 900,
    );
    fc.assert(
      fc.property(fc.double({ min: 0, max: 0.5, noNaN: true }), fc.integer({ min: 1, max: month }), (jitter, ttl) => {
        const { freshUntil, staleUntil } = resolveInstants({ ttl, jitter }, 1, start);
        return freshUntil <= start + ttl && freshUntil >= start + ttl * (1 - jitter) - 1 && staleUntil === freshUntil;
      }),
    );
    for (const jitter of [-0.1, 0.51, NaN, Infinity]) {
      expect(() => resolveInstants({ ttl: 1000, jitter }, 1, start)).toThrow(InvalidOptionError);
    }
  });

  it('are of their own for negative answers', () => {
    const options: EntryOptions<number | null> = { ttl: '1h', staleFor: 100, negative: { ttl: '10s' } };
    expect(resolveInstants(options, null, start)).toEqual({ freshUntil: start + 10_000, staleUntil: start + 10_000 });
    const servedOn: EntryOptions<number | null> = { ...options, negative: { ttl: '10s', staleFor: 100 } };
    expect(resolveInstants(servedOn, null, start).staleUntil).toBe(start + 10_100);
    expect(resolveInstants(options, 0, start).freshUntil).toBe(start + 3_600_000);
    const emptyToo = { ...options, negative: { ttl: 5, when: (value: number | null) => !value } };
    expect(resolveInstants(emptyToo, 0, start).freshUntil).toBe(start + 5);
    expect(resolveInstants({ ...options, negative: { ttl: 0 } }, null, start)).toEqual({
      freshUntil: start,
      staleUntil: start,
    });
    for (const ttl of [-1, Infinity, NaN]) {
      expect(() => resolveInstants({ ...options, negative: { ttl } }, null, start)).toThrow(/^negative\.ttl: /);
      expect(resolveInstants({ ...options, negative: { ttl } }, 1, start).freshUntil).toBe(start + 3_600_000);
    }
  });
});
