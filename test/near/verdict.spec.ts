import { describe, expect, it } from '@jest/globals';
import { json } from '../../src/codec/json.js';
import { text } from '../../src/codec/text.js';
import type { Serving } from '../../src/catalogue/entry-policy.js';
import { isServable, verdictOf } from '../../src/near/verdict.js';
import type { Candidate, Standing, Verdict } from '../../src/near/verdict.js';

const candidate: Candidate = { freshUntil: 100, staleUntil: 200, generation: 7 };
const asked: Serving = { codec: json(), isolation: 'clone', version: undefined };
const at = (
  now: number,
  standing: Standing = {},
  more: Partial<Candidate> = {},
  serving: Partial<Serving> = {},
): Verdict => verdictOf({ ...candidate, ...more }, standing, { ...asked, ...serving }, now);

describe('The verdict on a copy or an item', () => {
  it('is fresh, stale or expired by its instants, each of which is the first of the next', () => {
    expect([99, 100, 199, 200].map((now) => at(now))).toEqual(['fresh', 'stale', 'stale', 'expired']);
  });

  it('is untrusted from the instant on until which it is believed', () => {
    expect([49, 50].map((now) => at(now, { trustedUntil: 50 }))).toEqual(['fresh', 'untrusted']);
  });

  it('is invalidated by its generation or a tag; a tag that has expired makes it stale', () => {
    expect([at(0, { generation: 7 }), at(0, { generation: 8 })]).toEqual(['fresh', 'invalidated']);
    expect(at(0, { tags: 'invalidated' })).toBe('invalidated');
    expect(at(0, { tags: 'expired' })).toBe('stale');
  });

  it('is that of another version where another is asked for, and only then', () => {
    expect(at(0, {}, { version: 'one' })).toBe('fresh');
    expect(at(0, {}, { version: 'one' }, { version: 'one' })).toBe('fresh');
    expect(at(0, {}, { version: 'one' }, { version: 'two' })).toBe('version');
  });

  it('is undecodable where another codec has written it, or it was decoded for others', () => {
    expect([at(0, { codecName: 'json' }), at(0, { codecName: 'text' })]).toEqual(['fresh', 'undecodable']);
    const decodedBy = (serving: Partial<Serving>): Verdict => at(0, { serving: { ...asked, ...serving } });
    expect(decodedBy({ codec: json() })).toBe('fresh');
    expect(decodedBy({ isolation: 'freeze' })).toBe('undecodable');
    expect(decodedBy({ codec: text() })).toBe('undecodable');
    const checking = { ...json(), checksOnRead: true };
    expect(decodedBy({ codec: checking })).toBe('undecodable');
    expect(at(0, { serving: asked }, {}, { codec: checking })).toBe('undecodable');
    expect(at(0, { serving: { ...asked, codec: checking } }, {}, { codec: checking })).toBe('fresh');
  });

  it('for people is made of its life and its standing alone', () => {
    const standing = { codecName: 'text', serving: { ...asked, isolation: 'freeze' } as const };
    expect(verdictOf({ ...candidate, version: 'one' }, standing, undefined, 0)).toBe('fresh');
  });

  it('may be served where it is fresh or stale', () => {
    expect((['fresh', 'stale', 'expired', 'untrusted', 'invalidated'] as const).map(isServable)).toEqual([
      true,
      true,
      false,
      false,
      false,
    ]);
  });
});
