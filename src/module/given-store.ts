import { Logger } from '@nestjs/common';
import { defaultStore } from '../cache/configuration/default-store.js';
import { readStoreEnvironment } from '../cache/configuration/environment.js';
import type { Store } from '../store/store.js';
import { safeLine } from '../value/safe-text.js';
import { InvalidOptionError } from '../value/errors.js';
import type { LockModuleOptions, TieredCacheOptions } from './tiered-cache.options.js';

/** The store of the locks alone, if they have one, and how far it must reach. One that tests put in its place is asked for nothing. */
export type LockStore = Pick<LockModuleOptions, 'store' | 'reach'>;

/**
 * The store below the process tier: the given one, none, or the default of this environment.
 * @throws InvalidOptionError for a list of several or of none, and for what is no store.
 */
export async function storeOf({ stores }: TieredCacheOptions): Promise<Store | undefined> {
  if (stores === false) return undefined;
  if (stores !== undefined) return asStore('stores', onlyOne(stores));
  const { store, warning } = await defaultStore(readStoreEnvironment());
  if (warning !== undefined) new Logger('TieredCache').warn(safeLine(warning));
  return store;
}

/** @throws InvalidOptionError for what is no store. */
export function lockStoreOf({ lock }: TieredCacheOptions): LockStore {
  const { store, reach } = lock ?? {};
  return { ...(store !== undefined && { store: asStore('lock.store', store) }), ...(reach && { reach }) };
}

function onlyOne(stores: unknown): unknown {
  if (!isList(stores)) return stores;
  if (stores.length === 1) return stores[0];
  if (stores.length === 0) {
    throw new InvalidOptionError(
      'stores',
      'the list is empty',
      'Give a store, or false for none below the process tier.',
    );
  }
  const problem = `${stores.length} stores were given, and a chain of several comes in a later release`;
  throw new InvalidOptionError('stores', problem, 'Give the one that all processes share.');
}

const isList = (stores: unknown): stores is readonly unknown[] => Array.isArray(stores);

function asStore(option: string, given: unknown): Store {
  const { open, close, shardOf, capabilities } = (given ?? {}) as Partial<Record<keyof Store, unknown>>;
  if ([open, close, shardOf].every((verb) => typeof verb === 'function') && typeof capabilities === 'object') {
    return given as Store;
  }
  const remedy =
    'Give memoryStore(), or diskStore(), memcachedStore() or redisStore() of nestjs-tiered-cache/disk, /memcached and /redis; keyvStore() makes one of any Keyv.';
  throw new InvalidOptionError(option, 'what was given is no store', remedy);
}
