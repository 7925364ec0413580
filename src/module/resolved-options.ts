import type { CacheConfiguration } from '../cache/cache-configuration.js';
import { Integrity } from '../codec/integrity.js';
import { HiddenNames } from '../key/hidden-names.js';
import { assertReach } from '../lock/assert-store-can-lock.js';
import type { Store } from '../store/store.js';
import type { Clock } from '../value/clock.js';
import { readEnvironment } from '../cache/configuration/environment.js';
import { findPackageIdentity, requireIdentity } from '../cache/configuration/package-identity.js';
import { InvalidOptionError } from '../value/errors.js';
import type { LockStore } from './given-store.js';
import type { LockModuleOptions, TieredCacheOptions } from './tiered-cache.options.js';

export const RESOLVED_OPTIONS = 'nestjs-tiered-cache:resolved-options';

/** The module's options with the environment and the defaults filled in. */
export interface ResolvedOptions {
  readonly cache: Omit<CacheConfiguration, 'scope'>;
  readonly lock: LockModuleOptions;
  readonly mayForceMiss: TieredCacheOptions['mayForceMiss'];
  readonly warnings: boolean;
}

/** @throws InvalidOptionError naming the option or variable: the application does not start. */
export function resolveOptions(
  options: TieredCacheOptions,
  store: Store | undefined,
  lockStore: LockStore,
  clock: Clock,
  random: () => number,
): ResolvedOptions {
  assertValues(options);
  const environment = readEnvironment();
  const identity = findPackageIdentity();
  const name = options.name ?? 'default';
  const { integrity = environment.integrity, keySecret = environment.keySecret } = options;
  const { store: _sameOrReplaced, reach: _sameOrNone, ...lock } = options.lock ?? {};
  const own = requireIdentity('namespace', options.namespace ?? identity.name, identity);
  return {
    cache: {
      name,
      namespace: options.namespace === undefined && name !== 'default' ? `${own}/${name}` : own,
      packageVersion: requireIdentity('packageVersion', options.packageVersion ?? identity.version, identity),
      versionStamp: options.versionStamp ?? environment.versionStamp,
      ...(options.keyFormat !== undefined && { keyFormat: options.keyFormat }),
      ...(keySecret !== undefined && { keySecret: HiddenNames.of(keySecret) }),
      store,
      clock,
      random,
      ...(integrity && { integrity: Integrity.of(integrity) }),
      process: options.process ?? {},
      ...(options.maxConcurrentLoads !== undefined && { maxConcurrentLoads: options.maxConcurrentLoads }),
      ...(options.coherence !== undefined && { coherence: options.coherence }),
      defaults: { ...options.defaults, ttl: options.defaults?.ttl ?? environment.defaultTtlMs },
    },
    lock: { ...lock, ...lockStore },
    mayForceMiss: options.mayForceMiss,
    warnings: options.warnings ?? true,
  };
}

/** Callers of plain JavaScript can give anything. */
function assertValues({ warnings, mayForceMiss, afterCommit, lock }: TieredCacheOptions): void {
  if (warnings !== undefined && typeof warnings !== 'boolean') {
    throw new InvalidOptionError('warnings', 'it is neither true nor false', 'Give true or false.');
  }
  for (const [option, given] of Object.entries({ mayForceMiss, afterCommit })) {
    if (given !== undefined && typeof given !== 'function') {
      throw new InvalidOptionError(option, 'it is no function', 'Give one, or leave it out.');
    }
  }
  assertReach(lock?.reach);
}
