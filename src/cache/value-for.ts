import type { CatalogueKey } from '../catalogue/catalogue-key.js';
import type { KeyLike } from '../key/key.js';
import type { Loader, ValueLoader } from '../load/loader.js';
import type { CallOptions } from './call-options.js';

/** What a call gives for such a key: what the key holds, `null` in place of it, or what the caller says where the key does not. */
export type ValueFor<K, V> = [K] extends [CatalogueKey<infer Held>] ? HeldOr<Held, V> : V;

export type OptionsFor<K, V> = CallOptions<ValueFor<K, V>>;

/** Makes a {@link ValueFor}. A condition itself, so that the compiler reads the key before the loader: what that gives is compared with what the key holds. */
export type LoaderFor<K, V> = [K] extends [CatalogueKey<infer Held>] ? ValueLoader<HeldOr<Held, V>> : ValueLoader<V>;

/** As {@link LoaderFor}, and may give none. */
export type LoaderOfSomeFor<K, V> = [K] extends [CatalogueKey<infer Held>] ? Loader<HeldOr<Held, V>> : Loader<V>;

/** Makes a {@link ValueFor} of what there is. A condition itself, as {@link LoaderFor}. */
export type ChangeFor<K, V> = [K] extends [CatalogueKey<infer Held>] ? Change<HeldOr<Held, V>> : Change<V>;

/** A key whose type says what it holds. */
export type Keyed<K> = K & KeyLike;

type Change<V> = (current: V | undefined) => V;

type HeldOr<Held, V> = unknown extends Held ? V : Held | Extract<V, null | Widened<Held>>;

/** The compiler takes a text that an async function returns for any text: that is no reason to refuse it. */
type Widened<Held> = Held extends string ? string : Held extends number ? number : never;
