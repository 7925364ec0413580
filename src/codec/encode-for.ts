import { UnencodableValueError } from '../value/errors.js';
import type { Codec } from './codec.js';
import { loadedBy } from './loaded-by.js';

/** A codec knows the value alone; its refusal also names the key, and the memoized method where one has loaded the value. */
export function encodeFor<V>(key: { readonly text: string }, codec: Codec<V>, value: V): Uint8Array {
  try {
    return codec.encode(value);
  } catch (error) {
    throw error instanceof UnencodableValueError ? error.at(key.text, loadedBy(value)) : error;
  }
}

/** @throws UnencodableValueError for `undefined`, whatever its codec makes of it. */
export function assertStorable({ name }: { readonly name: string }, value: unknown): void {
  if (value !== undefined) return;
  throw new UnencodableValueError(name, '$', 'undefined is what a miss looks like', 'Store null, or delete the key.');
}
