import { describe, expect, it } from '@jest/globals';
import { milliseconds, positiveMilliseconds } from '../../src/value/duration.js';
import type { Duration } from '../../src/value/duration.js';
import { InvalidDurationError } from '../../src/value/errors.js';

describe('a duration', () => {
  it.each<[Duration, number]>([
    [0, 0],
    [0.4, 0.4],
    [300, 300],
    ['0', 0],
    ['5m', 300_000],
    ['1.5h', 5_400_000],
    ['31 days', 31 * 86_400_000],
    ['0.4s', 400],
    ['250ms', 250],
    [Infinity, Infinity],
  ])('%p is %p milliseconds', (duration, expected) => {
    expect(milliseconds(duration, 'ttl')).toBe(expected);
  });

  it.each([
    -1,
    NaN,
    -Infinity,
    '-5m',
    'soon',
    '',
    '5 parsecs',
    'x'.repeat(200),
    null,
    undefined,
    true,
    {},
    [],
    5n,
    new Date(),
  ])('is not %p', (given) => {
    expect(() => milliseconds(given as Duration, 'lock.ttl')).toThrow(InvalidDurationError);
    expect(() => milliseconds(given as Duration, 'lock.ttl')).toThrow(/^lock\.ttl: .* is not a duration\. Give /);
  });

  it.each([0, '0s', Infinity])('is not %p where it must be more than nothing and end', (given) => {
    expect(() => positiveMilliseconds(given as Duration, 'wait')).toThrow(/^wait: .* Give more than 0 and finite\.$/);
  });

  it('shows no more than the beginning of a text', () => {
    expect(() => milliseconds('x'.repeat(80) as Duration, 'ttl')).toThrow(`'${'x'.repeat(50)}'`);
  });
});
