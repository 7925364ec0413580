import { describe, expect, it } from '@jest/globals';
import { json } from '../../src/codec/json.js';
import { structured } from '../../src/codec/structured.js';
import { UnencodableValueError } from '../../src/value/errors.js';

describe.each([
  ['json', json()],
  ['structured', structured()],
])('What the %s codec can’t read', (name, codec) => {
  const refusal = (read: () => unknown): UnencodableValueError => {
    const value = Object.defineProperty({ secret: 'hunter2' }, 'read', { get: read, enumerable: true });
    try {
      codec.encode(value);
    } catch (error) {
      if (error instanceof UnencodableValueError) return error;
      throw error;
    }
    throw new Error('nothing was refused');
  };

  it('is nested too deeply where the stack ends', () => {
    const endless = (): unknown => [endless()];
    expect(refusal(endless).message).toContain('nested too deeply');
  });

  it('is too large where it would be longer than a text can be', () => {
    const { message } = refusal(() => 'x'.repeat(2 ** 30));
    expect(message).toBe(
      `The ${name} codec can't store $: it is too large for a text. Store it in parts, or as bytes.`,
    );
  });

  it('is refused with the cause where a getter threw another RangeError, and without the value', () => {
    const error = refusal(() => new Date(NaN).toISOString());
    expect(error.message).toMatch(/reading it threw a RangeError\. Mend the getter/);
    expect(error.cause).toBeInstanceOf(RangeError);
    expect((error.cause as Error).message).toBe('Invalid time value');
    expect(JSON.stringify(error)).not.toContain('hunter2');
  });

  it('is refused by what a getter threw, where that is no RangeError', () => {
    const own = new TypeError('not yet read');
    const throwing = (): unknown => {
      throw own;
    };
    expect(() => refusal(throwing)).toThrow(own);
  });
});
