import { Logger } from '@nestjs/common';
import { cacheVariables, storeVariables } from '../cache/configuration/environment.js';
import { misspeltVariables } from '../cache/configuration/misspelt-variables.js';
import { safeLine } from '../value/safe-text.js';
import type { TieredCacheOptions } from './tiered-cache.options.js';

/** Warns of variables that were probably meant for this cache. Those of a store count only where the options name none. */
export function warnOfMisspeltVariables({ stores }: TieredCacheOptions): void {
  const known = stores === undefined ? [...storeVariables, ...cacheVariables] : cacheVariables;
  for (const { written, meant } of misspeltVariables(known)) {
    new Logger('TieredCache').warn(safeLine(`${written} is set, and is not read. Did you mean ${meant}?`));
  }
}
