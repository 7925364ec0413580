import { Logger } from '@nestjs/common';
import { cacheVariables, storeVariables } from '../cache/configuration/environment.js';
import { misspeltVariables } from '../cache/configuration/misspelt-variables.js';
import { safeLine } from '../value/safe-text.js';
import type { Store } from '../store/store.js';
import type { ResolvedOptions } from './resolved-options.js';
import type { TieredCacheOptions } from './tiered-cache.options.js';

/** Warns of variables that were probably meant for this cache. Those of a store, and that of the stamp, count only where the options name none. */
export function warnOfMisspeltVariables({ stores, versionStamp }: TieredCacheOptions): void {
  const ofCache = cacheVariables.filter((name) => versionStamp === undefined || name !== 'CACHE_KEY_VERSION_STAMP');
  const known = stores === undefined ? [...storeVariables, ...ofCache] : ofCache;
  for (const { written, meant } of misspeltVariables(known)) {
    new Logger('TieredCache').warn(safeLine(`${written} is set, and is not read. Did you mean ${meant}?`));
  }
}

/** Says which store and which keys a cache works on: two processes that should share entries say the same. A store's parts bear no credentials. */
export function logStart({ cache }: ResolvedOptions): void {
  const { name, namespace, packageVersion, versionStamp, store } = cache;
  const where = store ? partsOf(store) : 'no store below the process';
  const given = typeof versionStamp === 'function' ? 'by a function' : versionStamp;
  const stamp = given === undefined || given === '' ? 'no stamp' : `stamp ${given}`;
  const facts = `${name}: ${where}; namespace ${namespace}, version ${packageVersion}, ${stamp}`;
  new Logger('TieredCache').log(safeLine(facts));
}

/** A fleet of servers would fill a page. */
const maxParts = 8;

function partsOf({ shards }: Store): string {
  const names = [...new Set(shards.map(({ name }) => name))];
  const others = names.length - maxParts;
  return names.slice(0, maxParts).join(', ') + (others > 0 ? ` and ${others} others` : '');
}
