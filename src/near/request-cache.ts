import type { CatalogueKey } from '../catalogue/catalogue-key.js';
import { servingOf } from '../catalogue/entry-policy.js';
import type { Codec } from '../codec/codec.js';
import { assertStorable, encodeFor } from '../codec/encode-for.js';
import { noTags } from '../codec/envelope.js';
import { json } from '../codec/json.js';
import { lastingTrust } from '../coherence/trust.js';
import { toKey } from '../key/key.js';
import type { KeyLike } from '../key/key.js';
import { reportFault } from '../value/events.js';
import { lastingCopy } from '../value/lasting-copy.js';
import { Hit, Miss } from '../value/lookup.js';
import type { Lookup } from '../value/lookup.js';
import { NearCopy } from './near-copy.js';
import type { RequestScope, RequestTier } from './request-scope.js';

/** In this process: what two of them hold is not mixed up. */
let made = 0;

/** Puts the versions in front of a key's text. */
export type VersionedText = (key: KeyLike) => string;

/** What a key is called in look-ups and errors: its text, or, where names are hidden, what stands for it. */
export type KeyName = (key: KeyLike) => string;

/**
 * Values of the present request, by namespace and versioned key. Gone with the request; never seen by another. Outside of a scope every
 * look-up misses and nothing is kept; the first value that is not kept so is reported as a `degraded` fault.
 */
export class RequestCache {
  private readonly number = ++made;
  private hasWarned = false;

  constructor(
    private readonly scope: RequestScope,
    private readonly versioned: VersionedText,
    private readonly nameOf: KeyName = (key) => toKey(key).text,
  ) {}

  /**
   * Whoever asks for the same name shares its values. Default: `'default'`, a name like any other. A name costs nothing outside of the request: one for each
   * user will do.
   */
  namespace(name = 'default'): NamespacedRequestCache {
    const owner = `${this.number} ${name}`;
    return new NamespacedRequestCache(this.scope, this.versioned, this.nameOf, owner, () => this.warn());
  }

  /** Empties every namespace, and what tiered caches hold for this request. */
  clearAll(): void {
    this.scope.current()?.clearAll();
  }

  private warn(): void {
    if (this.hasWarned) return;
    this.hasWarned = true;
    const message =
      'A value was set outside of a request, and kept nowhere. Call it within a request, or within RequestScope.run().';
    reportFault({ source: 'RequestCache', kind: 'degraded', message });
  }
}

/** One namespace of a {@link RequestCache}. Values are encoded and decoded as everywhere, so that readers can't change each other's. */
export class NamespacedRequestCache {
  constructor(
    private readonly scope: RequestScope,
    private readonly versioned: VersionedText,
    private readonly nameOf: KeyName,
    /** Whose part of the request it is. */
    private readonly owner: string,
    private readonly warn: () => void,
  ) {}

  lookup<V>(key: CatalogueKey<V> | KeyLike): Lookup<V> {
    const copy = this.held()?.get(this.versioned(key));
    const name = this.nameOf(key);
    return copy ? new Hit(name, copy.read() as V, 'request', 'fresh') : new Miss(name, 'absent');
  }

  /** The value, or `undefined` on a miss. */
  get<V>(key: CatalogueKey<V> | KeyLike): V | undefined {
    return this.held()?.get(this.versioned(key))?.read() as V | undefined;
  }

  /** @throws UnencodableValueError for what the codec can't carry, `undefined` included. */
  set<V>(key: CatalogueKey<V> | KeyLike, value: V, codec: Codec<V> = json<V>()): void {
    this.keep(this.versioned(key), copyOf(this.nameOf(key), value, codec));
  }

  /** Keeps the value unless there is one. Returns what is there then; outside of a scope, the value as it would have been kept. */
  setDefault<V>(key: CatalogueKey<V> | KeyLike, value: V, codec: Codec<V> = json<V>()): V {
    const text = this.versioned(key);
    const present = this.held()?.get(text);
    if (present) return present.read() as V;
    const copy = copyOf(this.nameOf(key), value, codec);
    this.keep(text, copy);
    return copy.read();
  }

  /** Whether there was one. */
  delete(key: KeyLike): boolean {
    return this.held()?.delete(this.versioned(key)) ?? false;
  }

  clear(): void {
    this.held()?.clear();
  }

  private keep(text: string, copy: NearCopy): void {
    const held = this.held();
    if (held) held.set(text, copy);
    else this.warn();
  }

  private held(): RequestTier | undefined {
    return this.scope.current()?.tierOf(this.owner);
  }
}

function copyOf<V>(name: string, value: V, codec: Codec<V>): NearCopy<V> {
  assertStorable(codec, value);
  const payload = Buffer.from(encodeFor({ text: name }, codec, value));
  const serving = servingOf(codec, undefined, undefined);
  const head = {
    codec: codec.name,
    createdAt: 0,
    freshUntil: Infinity,
    staleUntil: Infinity,
    loadCostMs: 0,
    generation: 0,
    tags: noTags,
  };
  const kept = serving.isolation === 'clone' ? lastingCopy(payload) : undefined;
  return new NearCopy(head, kept, serving, lastingTrust, payload.length, codec.decode(payload), 0);
}
