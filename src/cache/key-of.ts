import type { CatalogueKey } from '../catalogue/catalogue-key.js';
import type { Key, KeyLike } from '../key/key.js';
import type { Lookup } from '../value/lookup.js';

export type Keys = readonly KeyLike[];

/** A key that says what it holds types the value; any other key leaves it to the caller. */
export type KeyOf<V> = CatalogueKey<V> | KeyLike;

/** A key that does not say what it holds. */
export type UntypedKey = string | (Key & { readonly keyClass?: undefined });

/** What a key of the type `K` holds: what the key says, or what the caller does. */
export type HeldBy<K, V> = K extends CatalogueKey<infer Held> ? (unknown extends Held ? V : Held) : V;

/** What a bulk loader gives for such a key. With a bare `V` for a branch, the compiler would infer `V` from the codec of the options as much as from the loader. */
export type LoadedFor<K, V> =
  K extends CatalogueKey<infer Held> ? (unknown extends Held ? V : Held) | undefined : V | undefined;

/** One look-up per key, each of what its own key holds. */
export type LookupsOf<Keys extends readonly KeyLike[], V> = {
  -readonly [Index in keyof Keys]: Lookup<HeldBy<Keys[Index], V>>;
};
