import type { EntryOptions } from '../catalogue/entry-options.js';
import type { EntryPolicy } from '../catalogue/entry-policy.js';

interface Seen {
  /** A copy: the caller may change its own. */
  readonly call: EntryOptions;
  readonly count: number;
  readonly own: EntryOptions | undefined;
  readonly policy: EntryPolicy;
}

/** Far more than a program has kinds of calls. What comes without end is not worth keeping. */
const maxKept = 64;

/**
 * The policies of options that were given before, by their values: most calls give the same ones, `{ ttl: '1h' }`, as a new object each time. Checking
 * and reading them takes as long as a third of a hit. Only options that nobody can change afterwards are kept: texts, numbers, booleans, functions; and only
 * of plain objects, since what a class's getters give is not among the names that are compared.
 */
export class SeenOptions {
  private readonly byTtl = new Map<unknown, Seen>();

  /** @param own the options of the key's class. */
  find(call: EntryOptions, own: EntryOptions | undefined): EntryPolicy | undefined {
    const seen = this.byTtl.get(call.ttl);
    if (seen === undefined || seen.own !== own || !isPlainObject(call)) return undefined;
    let left = seen.count;
    for (const name in call) {
      const value = call[name as keyof EntryOptions];
      if (value === undefined || value !== seen.call[name as keyof EntryOptions]) return undefined;
      left--;
    }
    return left === 0 ? seen.policy : undefined;
  }

  keep(call: EntryOptions, own: EntryOptions | undefined, policy: EntryPolicy): void {
    if (!isPlainObject(call)) return;
    const values = Object.values(call) as unknown[];
    if (values.some((value) => value === undefined || typeof value === 'object')) return;
    if (this.byTtl.size >= maxKept) this.byTtl.clear();
    this.byTtl.set(call.ttl, { call: { ...call }, count: values.length, own, policy });
  }
}

function isPlainObject(options: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(options);
  return prototype === Object.prototype || prototype === null;
}
