import { describe, expect, it } from '@jest/globals';
import { Policies } from '../../src/cache/policies.js';
import type { EntryOptions } from '../../src/catalogue/entry-options.js';
import { defineKey } from '../../src/catalogue/define-key.js';
import { versionedKey } from '../../src/key/key.js';

const key = versionedKey('a');

describe('options that are given again', () => {
  it('have one policy, as long as their values are the same', () => {
    const policies = new Policies(undefined);
    const first = policies.of(key, { ttl: '1h', staleFor: '1m' });
    expect(policies.of(key, { ttl: '1h', staleFor: '1m' })).toBe(first);
    expect(policies.of(key, { staleFor: '1m', ttl: '1h' })).toBe(first);
    for (const other of [
      { ttl: '1h' },
      { ttl: '1h', staleFor: '2m' },
      { ttl: '1h', staleFor: '1m', jitter: 0.1 },
      { ttl: '2h', staleFor: '1m' },
      { staleFor: '1m' },
      {},
    ] as EntryOptions[]) {
      const policy = policies.of(key, other);
      expect(policy).not.toBe(first);
      expect(policy.life).toEqual(new Policies(undefined).of(key, other).life);
    }
  });

  it('are read anew where the caller may have changed them', () => {
    const policies = new Policies(undefined);
    const tags = ['a'];
    expect(policies.of(key, { ttl: '1h', tags }).tags).toEqual(['a']);
    tags[0] = 'b';
    expect(policies.of(key, { ttl: '1h', tags }).tags).toEqual(['b']);
    const options: { ttl: '1h'; jitter: number } = { ttl: '1h', jitter: 0.1 };
    expect(policies.of(key, options).life.jitter).toBe(0.1);
    options.jitter = 0.2;
    expect(policies.of(key, options).life.jitter).toBe(0.2);
  });

  it('are read anew where they stand on a prototype', () => {
    class Kept implements EntryOptions {
      constructor(private readonly minutes: number) {
        Object.defineProperty(this, 'minutes', { enumerable: false });
      }
      get ttl() {
        return '1h' as const;
      }
      get staleFor() {
        return this.minutes * 60_000;
      }
    }
    const policies = new Policies(undefined);
    expect(policies.of(key, new Kept(1)).life.staleFor).toBe(60_000);
    expect(policies.of(key, new Kept(2)).life.staleFor).toBe(120_000);
    expect(policies.of(key, { ttl: '1h' }).life.staleFor).toBe(0);
    expect(policies.of(key, new Kept(3)).life.staleFor).toBe(180_000);
    const bare = (): EntryOptions => Object.assign(Object.create(null) as object, { ttl: '1h', jitter: 0.1 } as const);
    expect(policies.of(key, bare())).toBe(policies.of(key, bare()));
  });

  it('are still errors where they are misspelt or out of range', () => {
    const policies = new Policies(undefined);
    policies.of(key, { ttl: '1h' });
    for (let times = 0; times < 2; times++) {
      expect(() => policies.of(key, { ttl: '1h', staleFr: '1m' } as EntryOptions)).toThrow(/staleFor/);
      expect(() => policies.of(key, { ttl: '1h', jitter: 2 })).toThrow(/jitter/);
    }
  });

  it('are those of one class of keys alone', () => {
    const policies = new Policies(undefined);
    const stale = defineKey('stale:{id}', { holds: 'what', staleFor: '1m' })({ id: '1' });
    const fresh = defineKey('fresh:{id}', { holds: 'what', staleFor: '2m' })({ id: '1' });
    expect(policies.of(stale, { ttl: '1h' }).life.staleFor).toBe(60_000);
    expect(policies.of(fresh, { ttl: '1h' }).life.staleFor).toBe(120_000);
    expect(policies.of(key, { ttl: '1h' }).life.staleFor).toBe(0);
    expect(policies.of(stale, { ttl: '1h' }).life.staleFor).toBe(60_000);
  });

  it('are forgotten when they come without end', () => {
    const policies = new Policies(undefined);
    for (let ttl = 1; ttl < 1_000; ttl++) expect(policies.of(key, { ttl }).life.ttl).toBe(ttl);
  });
});
