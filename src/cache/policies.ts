import { CatalogueKey } from '../catalogue/catalogue-key.js';
import type { EntryOptions } from '../catalogue/entry-options.js';
import type { Key } from '../key/key.js';
import { entryPolicy } from './entry-policy.js';
import type { EntryPolicy } from './entry-policy.js';

/** The policies of one cache: of the call, over the key's class, over the module's defaults. */
export class Policies {
  private readonly ofDefaults: EntryPolicy;
  private readonly ofClasses = new WeakMap<EntryOptions, EntryPolicy>();

  /** @throws InvalidDurationError, InvalidOptionError: bad defaults stop start-up. */
  constructor(private readonly defaults: EntryOptions | undefined) {
    this.ofDefaults = entryPolicy(defaults);
  }

  of<V>(key: Key, call?: EntryOptions<V>): EntryPolicy<V> {
    const own = key instanceof CatalogueKey ? (key as CatalogueKey<V>).options : undefined;
    if (call) return entryPolicy(call, own, this.defaults as EntryOptions<V>);
    return (own ? this.ofClass(own as EntryOptions) : this.ofDefaults) as EntryPolicy<V>;
  }

  /** The policies of a call for many keys: those without options of their own share one. */
  ofCall<V>(call: EntryOptions<V> | undefined): (key: Key) => EntryPolicy<V> {
    let shared: EntryPolicy<V> | undefined;
    return (key) => (key instanceof CatalogueKey ? this.of(key, call) : (shared ??= this.of(key, call)));
  }

  private ofClass(own: EntryOptions): EntryPolicy {
    let policy = this.ofClasses.get(own);
    if (!policy) this.ofClasses.set(own, (policy = entryPolicy(own, this.defaults)));
    return policy;
  }
}

/** Options that have no say in whether a near copy will do. */
export function isPlain(
  options: Pick<EntryOptions, 'version' | 'isolation' | 'signal'> & { readonly codec?: unknown },
): boolean {
  const { version, isolation, signal, codec } = options;
  return version === undefined && isolation === undefined && signal === undefined && codec === undefined;
}
