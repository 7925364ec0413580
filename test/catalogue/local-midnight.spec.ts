import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { resolveInstants } from '../../src/catalogue/instants.js';
import { untilEndOfDay } from '../../src/catalogue/lives/until-end-of-day.js';
import { startOfDay, unixDate, unixDateOf } from '../../src/catalogue/lives/zone.js';
import { InvalidDurationError, InvalidOptionError } from '../../src/value/errors.js';
import { compiledSources } from '../support/worker-process.js';

const zone = 'America/Los_Angeles';
const hour = 3_600_000;

/** Instant, seconds until the midnight in Los Angeles that ends the day, unix date there. */
const expected: [string, number, number][] = [
  // an ordinary day
  ['2025-06-15T00:00:00-07:00', 24 * 3600, 20254],
  ['2025-06-15T07:59:00-07:00', 57_660, 20254],
  ['2025-06-15T08:01:00-07:00', 57_540, 20254],
  ['2025-06-15T23:59:59-07:00', 1, 20254],
  // 23 hours: at 02:00 the clocks go to 03:00
  ['2025-03-09T00:00:00-08:00', 23 * 3600, 20156],
  ['2025-03-09T01:59:59-08:00', 21 * 3600 + 1, 20156],
  ['2025-03-09T03:00:00-07:00', 21 * 3600, 20156],
  ['2025-03-09T07:59:00-07:00', 57_660, 20156],
  ['2025-03-09T08:01:00-07:00', 57_540, 20156],
  ['2025-03-09T23:59:59-07:00', 1, 20156],
  // the same clock readings of a server in UTC: 08:00 is the midnight that began the day
  ['2025-03-09T00:00:00Z', 8 * 3600, 20155],
  ['2025-03-09T07:59:00Z', 60, 20155],
  ['2025-03-09T08:01:00Z', 23 * 3600 - 60, 20156],
  ['2025-03-09T23:59:59Z', 7 * 3600 + 1, 20156],
  // 25 hours: at 02:00 the clocks go back to 01:00
  ['2025-11-02T00:00:00-07:00', 25 * 3600, 20394],
  ['2025-11-02T01:30:00-07:00', 23.5 * 3600, 20394],
  ['2025-11-02T01:30:00-08:00', 22.5 * 3600, 20394],
  ['2025-11-02T07:59:00-08:00', 57_660, 20394],
  ['2025-11-02T08:01:00-08:00', 57_540, 20394],
  ['2025-11-02T23:59:59-08:00', 1, 20394],
  ['2025-11-02T00:00:00Z', 7 * 3600, 20393],
  ['2025-11-02T07:59:00Z', 24 * 3600 + 60, 20394],
  ['2025-11-02T08:01:00Z', 24 * 3600 - 60, 20394],
  ['2025-11-02T23:59:59Z', 8 * 3600 + 1, 20394],
  // one hour after a changeover day's midnight
  ['2025-03-10T00:00:00-07:00', 24 * 3600, 20157],
  ['2025-11-03T00:00:00-08:00', 24 * 3600, 20395],
];

describe('V6 a life until local midnight', () => {
  it.each([
    ['UTC', 0],
    ['America/Los_Angeles', 480],
    ['Asia/Tokyo', -540],
  ])('is the same on a server in %s', async (serverZone, serverOffset) => {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [
        '--import',
        compiledSources,
        fileURLToPath(new URL('zone-worker.ts', import.meta.url)),
        ...expected.map(([at]) => at),
      ],
      { env: { ...process.env, NODE_OPTIONS: '', TZ: serverZone } },
    );
    expect(JSON.parse(stdout)).toEqual({
      serverOffset,
      answers: expected.map(([, seconds, date]) => ({ seconds, date })),
    });
  });

  it('ends with the day that the key names, not with the one it was made on', () => {
    const life = untilEndOfDay({ zone, unixDate: 'unix_date' });
    const createdAt = Date.parse('2025-03-09T08:00:00Z');
    const ends = (unix_date: string | number): number =>
      life.freshUntil({ value: null, createdAt, parameters: { unix_date } });
    expect(ends(20156) - createdAt).toBe(23 * hour);
    expect(ends(20157) - createdAt).toBe(47 * hour);
    expect(ends('2025-03-09')).toBe(ends(20156));
    expect(ends(20155)).toBe(createdAt);
    expect(life.description).toBe('until the midnight that ends {unix_date} in America/Los_Angeles');
    expect(life.parameters).toEqual(['unix_date']);
  });

  it('is over for a day that is', () => {
    const life = untilEndOfDay({ zone, unixDate: () => 20_000 });
    const createdAt = Date.parse('2025-03-09T08:00:00Z');
    expect(resolveInstants({ ttl: life }, null, createdAt)).toEqual({ freshUntil: createdAt, staleUntil: createdAt });
  });

  it.each([undefined, null, 1.5, NaN, Infinity, 'yesterday', '2025-13-01', '2025-3-9', true, 1e12])(
    'is none for the day %p',
    (day) => {
      const life = untilEndOfDay({ zone, unixDate: 'unix_date' });
      const parameters = { unix_date: day } as { unix_date: number };
      expect(() => life.freshUntil({ value: null, createdAt: 0, parameters })).toThrow(InvalidDurationError);
      expect(() => life.freshUntil({ value: null, createdAt: 0, parameters })).toThrow(/^unix_date: /);
    },
  );

  it.each(['Mars/Olympus', '', undefined, 'PSTX'])('is an error at once for the zone %p', (wrong) => {
    expect(() => untilEndOfDay({ zone: wrong as string })).toThrow(InvalidOptionError);
    expect(() => unixDate(0, wrong as string)).toThrow(/zone: .* Give an IANA name/);
  });
});

describe('a unix date', () => {
  it('counts days since 1970-01-01 in the calendar of the zone', () => {
    expect(unixDate(0, 'UTC')).toBe(0);
    expect(unixDate(-1, 'UTC')).toBe(-1);
    expect(unixDate(0, zone)).toBe(-1);
    expect(unixDate(new Date('1970-01-01T00:00:00-08:00'), zone)).toBe(0);
    expect(unixDate(Date.parse('2024-02-29T23:59:59.999+05:45'), 'Asia/Kathmandu')).toBe(unixDateOf('2024-02-29'));
    expect(unixDateOf('1970-01-02')).toBe(1);
    expect(unixDateOf('2025-02-30')).toBeUndefined();
    expect(() => unixDate(NaN, 'UTC')).toThrow(InvalidDurationError);
    expect(() => unixDate(new Date(NaN), zone)).toThrow(InvalidDurationError);
  });

  it('begins at its first instant, in any zone, on any day', () => {
    const zones = [
      zone,
      'UTC',
      'Europe/London',
      'Asia/Kathmandu',
      'Australia/Lord_Howe',
      'America/Sao_Paulo',
      'Africa/Cairo',
      'America/Havana',
      'Pacific/Chatham',
      'Asia/Beirut',
    ];
    fc.assert(
      fc.property(fc.constantFrom(...zones), fc.integer({ min: 3700, max: 25_000 }), (any, date) => {
        const start = startOfDay(date, any);
        expect(unixDate(start, any)).toBe(date);
        expect(unixDate(start - 1, any)).toBe(date - 1);
        expect([23, 23.5, 24, 24.5, 25]).toContain((startOfDay(date + 1, any) - start) / hour);
      }),
      { numRuns: 400, seed: 11 },
    );
  });

  it.each([
    ['where the clocks skip midnight', 'America/Sao_Paulo', '2018-11-04', '2018-11-04T01:00:00-02:00'],
    ['where they skip it elsewhere', 'Africa/Cairo', '2023-04-28', '2023-04-28T01:00:00+03:00'],
    ['where midnight comes twice', 'America/Havana', '2025-11-02', '2025-11-02T00:00:00-04:00'],
    ['where the clocks go back into the day before', 'America/Sao_Paulo', '2018-02-18', '2018-02-18T00:00:00-03:00'],
    ['where a whole day was skipped', 'Pacific/Apia', '2011-12-30', '2011-12-31T00:00:00+14:00'],
  ])('begins at its first instant %s', (_name, where, date, instant) => {
    expect(new Date(startOfDay(unixDateOf(date) as number, where)).toISOString()).toBe(new Date(instant).toISOString());
  });
});
