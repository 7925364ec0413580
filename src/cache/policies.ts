import { CatalogueKey } from '../catalogue/catalogue-key.js';
import type { EntryOptions } from '../catalogue/entry-options.js';
import { entryPolicy } from '../catalogue/entry-policy.js';
import { knownEntryOptions } from '../catalogue/known-entry-options.js';
import type { EntryPolicy, Serving } from '../catalogue/entry-policy.js';
import type { Key, KeyLike } from '../key/key.js';
import { InvalidDurationError, InvalidOptionError } from '../value/errors.js';
import type { CallOptions } from './call-options.js';
import { SeenOptions } from './seen-options.js';

/** The policies of one cache: of the call, over the key's class, over the module's defaults. */
export class Policies {
  private readonly ofDefaults: EntryPolicy;
  private readonly ofClasses = new WeakMap<EntryOptions, EntryPolicy>();
  private readonly seen = new SeenOptions();

  /** @throws InvalidDurationError, InvalidOptionError: bad defaults stop start-up. */
  constructor(
    private readonly defaults: EntryOptions | undefined,
    private readonly nameOfTag?: (tag: string) => string,
  ) {
    this.ofDefaults = this.hiding(policyOfDefaults(defaults));
  }

  /** @throws InvalidDurationError, InvalidOptionError naming the option. */
  of<V>(key: Key, given?: CallOptions<V>, known = knownEntryOptions): EntryPolicy<V> {
    const call = given as EntryOptions<V> | undefined;
    const own = key instanceof CatalogueKey ? (key as CatalogueKey<V>).options : undefined;
    const base = (own ? this.ofClass(own as EntryOptions) : this.ofDefaults) as EntryPolicy<V>;
    if (!call) return base;
    const isRead = known === knownEntryOptions;
    const seen = isRead ? this.seen.find(call as EntryOptions, own as EntryOptions | undefined) : undefined;
    if (seen) return seen as EntryPolicy<V>;
    known.check(call);
    const layers = [call, own, this.defaults as EntryOptions<V>];
    const policy = this.hiding(entryPolicy(layers, isPlain(call) ? base.serving : undefined));
    if (isRead) this.seen.keep(call as EntryOptions, own as EntryOptions | undefined, policy as EntryPolicy);
    return policy;
  }

  /** What a call asks of whatever it is served, where its options leave that to the key. */
  servingOf(key: KeyLike): Serving {
    if (typeof key === 'string' || !(key instanceof CatalogueKey)) return this.ofDefaults.serving;
    return this.ofClass(key.options as EntryOptions).serving;
  }

  /** The policies of a call for many keys: those without options of their own share one. */
  ofCall<V>(call: CallOptions<V> | undefined): (key: Key) => EntryPolicy<V> {
    let shared: EntryPolicy<V> | undefined;
    return (key) => (key instanceof CatalogueKey ? this.of(key, call) : (shared ??= this.of(key, call)));
  }

  /** For a call that has no key to make a policy for. @throws InvalidDurationError, InvalidOptionError naming the option. */
  assertCall<V>(call: CallOptions<V> | undefined): void {
    if (call === undefined) return;
    knownEntryOptions.check(call);
    entryPolicy([call as EntryOptions<V>, this.defaults as EntryOptions<V>]);
  }

  private ofClass(own: EntryOptions): EntryPolicy {
    let policy = this.ofClasses.get(own);
    if (!policy) this.ofClasses.set(own, (policy = this.hiding(entryPolicy([own, this.defaults]))));
    return policy;
  }

  /** With its tags as this cache calls them. */
  private hiding<V>(policy: EntryPolicy<V>): EntryPolicy<V> {
    const { nameOfTag } = this;
    return nameOfTag && policy.tags.length > 0 ? { ...policy, tags: policy.tags.map(nameOfTag) } : policy;
  }
}

/** Options that leave what is asked of a value to the key's class. */
function isPlain(options: Pick<EntryOptions, 'version' | 'isolation'> & { readonly codec?: unknown }): boolean {
  return options.version === undefined && options.isolation === undefined && options.codec === undefined;
}

/** The errors of a policy name its options alone, and these stand within `defaults`. */
function policyOfDefaults(defaults: EntryOptions | undefined): EntryPolicy {
  try {
    return entryPolicy([defaults]);
  } catch (error) {
    if (error instanceof InvalidOptionError || error instanceof InvalidDurationError) throw error.within('defaults');
    throw error;
  }
}
