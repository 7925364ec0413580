import type { EntryOptions } from '../catalogue/entry-options.js';
import { isLife } from '../catalogue/instants.js';
import type { Life, LifeContext } from '../catalogue/life.js';

/**
 * Why answers can't have this life; `undefined`: they can. An answer is kept as bytes: no value and no key parameter tells when it ends, and its uses
 * prolong nothing.
 */
export function problemOfLife(ttl: EntryOptions<never>['ttl']): string | undefined {
  if (typeof ttl === 'function') return 'it is a function of the value, and an answer is kept as bytes';
  if (!isLife(ttl)) return undefined;
  if (ttl.idle !== undefined) return 'it slides with use, and the use of an answer prolongs nothing';
  if (asksForMore(ttl)) return 'it looks at the value or the parameters of a key, and an answer has neither';
  return undefined;
}

const anyInstant = Date.UTC(2020, 0);

/** Than the beginning and chance. */
function asksForMore(life: Life): boolean {
  let asks = (life.parameters ?? []).length > 0;
  const context: LifeContext<unknown> = {
    createdAt: anyInstant,
    get value() {
      asks = true;
      return undefined;
    },
    get parameters() {
      asks = true;
      return {};
    },
  };
  try {
    life.freshUntil(context);
  } catch {
    // Each answer will say what else is wrong.
  }
  return asks;
}
