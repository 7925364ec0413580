import { format, inspect } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import * as errors from '../../src/value/errors.js';
import { Hit, Miss } from '../../src/value/lookup.js';

const secret = 'hunter2-secret';

describe('a value', () => {
  it.each<[string, { toString(): string }]>([
    ['a hit', new Hit('k', { token: secret }, 'process', 'fresh')],
    ['a hit of a text', new Hit('k', secret, 'memcached', 'stale')],
    ['a list of hits', [new Hit('k', secret, 'process', 'fresh')]],
  ])('of %s is not printed', (_name, holder) => {
    const prints = [
      String(holder),
      JSON.stringify(holder),
      JSON.stringify({ deep: [holder] }),
      inspect(holder, { depth: 10 }),
      inspect({ deep: [holder] }, { depth: 10 }),
      format('%s %o %O %j', holder, holder, holder, holder),
    ];
    for (const print of prints) expect(print).not.toContain(secret);
  });

  it('is there for who asks for it', () => {
    expect(new Hit('k', secret, 'process', 'fresh').value).toBe(secret);
    expect(String(new Hit('k', 1, 'disk', 'stale'))).toBe('stale hit of k in the disk tier');
    expect(inspect(new Miss('k', 'expired'))).toBe('Miss { miss of k (expired) }');
    expect(JSON.stringify(new Miss('k', 'forced'))).toBe('{"hit":false,"key":"k","reason":"forced"}');
  });
});

describe('an error', () => {
  const made = [
    new errors.InvalidKeyError('m. r.'),
    new errors.InvalidDurationError('ttl', -1),
    new errors.InvalidOptionError('o', 'p', 'r.'),
    new errors.UnencodableValueError('json', '$.a', 'p', 'r.'),
    new errors.UndecodableError('m.'),
    new errors.StoreUnavailableError('s', 'p'),
    new errors.ValueTooLargeError('k', 2, 1),
    new errors.ConflictError('k', 3),
    new errors.LoadTimeoutError('k', 5),
    new errors.RecursiveLoadError('k'),
    new errors.LockHeldError('r', 5),
    new errors.LockUnavailableError('r'),
    new errors.LeaseLostError('r', 'taken'),
  ];

  it('has a name and a code of its own and ends with what to do', () => {
    expect(new Set(made.map(({ code }) => code)).size).toBe(made.length);
    for (const error of made) {
      expect(error).toBeInstanceOf(errors.TieredCacheError);
      expect(error.name).toBe(error.constructor.name);
      expect(error.code).toMatch(/^[A-Z_]+$/);
      expect(error.message).toMatch(/\.$/);
    }
  });
});
