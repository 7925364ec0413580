import assert from 'node:assert/strict';
import type { Codec } from '../codec/codec.js';
import { UndecodableError, UnencodableValueError } from '../value/errors.js';

/** What the suite needs of a test runner: jest, vitest, mocha and node:test have it. */
export interface TestRunner {
  readonly describe: (name: string, define: () => void) => void;
  readonly it: (name: string, test: () => void | Promise<void>) => void;
}

export interface CodecContractOptions<V> {
  readonly make: () => Codec<V>;
  /** Values that it must carry; the more of its corners, the better. At least one. */
  readonly values: readonly V[];
  /** Values that it must refuse. */
  readonly refused?: readonly unknown[];
  /** Bytes that it can't have made. */
  readonly undecodable?: readonly Uint8Array[];
  /** Whether two values are the same. Default: node's `deepStrictEqual`. */
  readonly equal?: (read: V, written: V) => boolean;
  /** Changes a value in place. Given, the suite checks that neither bytes nor other readers are affected. */
  readonly mutate?: (value: V) => void;
}

/**
 * What every codec must hold to.
 *
 * @example codecContract({ describe, it }, { make: () => json(), values: [null, { a: 1 }], refused: [NaN] });
 */
export function codecContract<V>({ describe, it }: TestRunner, options: CodecContractOptions<V>): void {
  const { make, values, refused = [], undecodable = [], mutate } = options;
  const assertEqual = (read: V, written: V): void => {
    if (options.equal) assert.ok(options.equal(read, written), 'the value that was read is not the one written');
    else assert.deepEqual(read, written);
  };

  describe(`the codec ${make().name}`, () => {
    it('has a name that an entry can carry, the same each time it is made', () => {
      assert.match(make().name, /^[\x21-\x7e]{1,100}$/);
      assert.equal(make().name, make().name);
    });

    it('allows ways of sharing values, the default first, none twice', () => {
      const { isolations } = make();
      assert.ok(isolations.length > 0 && new Set(isolations).size === isolations.length);
      assert.ok(isolations.every((isolation) => ['freeze', 'clone', 'share'].includes(isolation)));
    });

    it('gives back what it was given, the first time and ever after', () => {
      assert.ok(values.length > 0, 'give the suite values to try');
      for (const value of values) {
        const bytes = Buffer.from(make().encode(value));
        assertEqual(make().decode(bytes), value);
        assertEqual(make().decode(bytes), value);
      }
    });

    it('makes the same bytes of what it gave back, so that a copy can be copied', () => {
      for (const value of values) {
        const bytes = Buffer.from(make().encode(value));
        assert.ok(Buffer.from(make().encode(make().decode(bytes))).equals(bytes));
      }
    });

    it('leaves the bytes that it reads as they are', () => {
      for (const value of values) {
        const bytes = Buffer.from(make().encode(value));
        const before = Buffer.from(bytes);
        make().decode(bytes);
        assert.ok(bytes.equals(before));
      }
    });

    it('refuses what it can not give back', () => {
      for (const value of refused) {
        assert.throws(() => make().encode(value as V), UnencodableValueError);
      }
    });

    it('says of foreign, cut and lengthened bytes nothing, or that they are not its own', () => {
      for (const bytes of undecodable) {
        assert.throws(() => make().decode(Buffer.from(bytes)), UndecodableError);
      }
      for (const value of values) {
        const bytes = Buffer.from(make().encode(value));
        for (const length of cuts(bytes.length)) readsOrRefuses(make(), bytes.subarray(0, length));
        readsOrRefuses(make(), Buffer.concat([bytes, Buffer.of(0)]));
        readsOrRefuses(make(), Buffer.from(bytes).reverse());
      }
    });

    if (mutate) {
      it('keeps bytes, values and readers apart', () => {
        for (const value of values) {
          const bytes = Buffer.from(make().encode(value));
          const given = make().decode(bytes);
          const encoded = make().encode(given);
          mutate(given);
          assert.ok(Buffer.from(encoded).equals(bytes), 'the bytes changed with the value that was written');
          if (!make().isolations.includes('clone')) continue;
          const first = make().decode(bytes);
          mutate(first);
          assertEqual(make().decode(bytes), value);
        }
      });
    }
  });
}

function readsOrRefuses<V>(codec: Codec<V>, bytes: Buffer): void {
  try {
    codec.decode(bytes);
  } catch (error) {
    assert.ok(error instanceof UndecodableError, `it threw ${String(error)}`);
  }
}

/** Every length of short bytes, 200 lengths of long ones. */
function cuts(length: number): number[] {
  const step = Math.max(1, Math.floor(length / 200));
  return Array.from({ length: Math.ceil(length / step) }, (_, index) => index * step);
}
