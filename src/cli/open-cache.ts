import { TieredCache } from '../cache/tiered-cache.js';
import { readEnvironment, readStoreEnvironment } from '../cache/configuration/environment.js';
import { findPackageIdentity } from '../cache/configuration/package-identity.js';
import { shardOfKey } from '../coherence/coherence.js';
import { formatUnder } from '../key/hidden-names.js';
import { KeySpace, storeKeyUnder } from '../key/key-space.js';
import type { Key } from '../key/key.js';
import { authenticated } from '../origin/authenticated-store.js';
import type { Shard, Store } from '../store/store.js';
import type { Arguments, OptionTypes } from './arguments.js';
import { textOf } from './arguments.js';
import { chosenStore } from './chosen-store.js';
import { listedVersions } from './listed-versions.js';
import type { Identity, ListedVersions } from './listed-versions.js';
import { UsageError } from './usage-error.js';

/** Which store, and which keys in it. */
export const keyOptions = {
  servers: { type: 'string' },
  redis: { type: 'string' },
  'key-prefix': { type: 'string' },
  partitions: { type: 'string' },
  disk: { type: 'string' },
  namespace: { type: 'string' },
  'package-version': { type: 'string' },
  stamp: { type: 'string' },
} satisfies OptionTypes;

/** The application's keys in its store. */
export interface OpenedStore {
  readonly store: Store;
  readonly identity: Identity;
  readonly keySpace: KeySpace;
  /** Where the application finds a key, and under which name. */
  readonly find: (key: Key) => Found;
  /** What is listed there now. A change lists the command's own version. */
  readonly listed: () => Promise<ListedVersions>;
  /** Runs on the cache as the application has it, without near tiers. On a disk, it begins the namespace's feed. */
  readonly withCache: <T>(run: (cache: TieredCache) => Promise<T>) => Promise<T>;
}

export interface Found {
  readonly storeKey: string;
  readonly shard: Shard;
  /** Its store key in another version, of which the keys begin so. */
  readonly under: (prefix: string) => string;
}

/** Runs on the store alone: nothing is written. @throws UsageError, InvalidOptionError */
export function withStore<T>(args: Arguments, run: (store: Store) => Promise<T>): Promise<T> {
  return onChosen(args, (_, store) => run(store));
}

/** As `withStore`, for commands that know the application's keys. */
export async function withKeys<T>(args: Arguments, run: (opened: OpenedStore) => Promise<T>): Promise<T> {
  const identity = identityOf(args);
  return onChosen(args, (chosen, store) => run(opened(chosen, store, identity)));
}

/** As `withKeys`, for commands that need the cache from the beginning. */
export function withCache<T>(
  args: Arguments,
  run: (cache: TieredCache, opened: OpenedStore) => Promise<T>,
): Promise<T> {
  return withKeys(args, (opened) => opened.withCache((cache) => run(cache, opened)));
}

/** @param run is given the store as it was chosen, and as it is read: verified, where what it holds is signed. */
async function onChosen<T>(args: Arguments, run: (chosen: Store, store: Store) => Promise<T>): Promise<T> {
  const { integrity } = readEnvironment();
  const chosen = await chosenStore(args, readStoreEnvironment());
  const store = integrity ? authenticated(chosen, integrity) : chosen;
  await store.open();
  try {
    return await run(chosen, store);
  } finally {
    await store.close();
  }
}

/** Where the application's keys are, before a store is opened. @throws UsageError, InvalidOptionError */
export function keySpaceOf(args: Arguments): KeySpace {
  return keySpaceIn(identityOf(args));
}

function keySpaceIn({ namespace, packageVersion, versionStamp }: Identity): KeySpace {
  return new KeySpace(namespace, packageVersion, versionStamp, formatUnder(readEnvironment().keySecret));
}

function opened(chosen: Store, store: Store, identity: Identity): OpenedStore {
  const { namespace, packageVersion, versionStamp } = identity;
  const { integrity, keySecret } = readEnvironment();
  const keySpace = keySpaceIn(identity);
  const find = (key: Key): Found => {
    const { text } = keySecret?.ofKey(key) ?? key;
    return {
      storeKey: keySpace.storeKey(text),
      shard: shardOfKey(store, namespace, text),
      under: (prefix) => storeKeyUnder(prefix, text),
    };
  };
  const withCache = async <T>(run: (cache: TieredCache) => Promise<T>): Promise<T> => {
    const cache = new TieredCache({
      name: 'command line',
      ...{ namespace, packageVersion, versionStamp },
      store: chosen,
      process: false,
      ...(integrity && { integrity }),
      ...(keySecret && { keySecret }),
    });
    await cache.open();
    try {
      return await run(cache);
    } finally {
      await cache.close();
    }
  };
  return { store, identity, keySpace, find, listed: () => listedVersions(store, keySpace), withCache };
}

/** The application's namespace, if the arguments or its package.json say it. */
export const namespaceIn = (args: Arguments): string | undefined =>
  textOf(args, 'namespace') ?? findPackageIdentity().name;

function identityOf(args: Arguments): Identity {
  const found = findPackageIdentity();
  const given = textOf(args, 'namespace');
  const namespace = given ?? found.name;
  const packageVersion = textOf(args, 'package-version') ?? found.version;
  if (namespace === undefined) {
    throw new UsageError(
      `${found.nameless ?? 'no package.json with a name was found'}: give --namespace, or run it in the application's folder`,
    );
  }
  if (packageVersion === undefined) {
    throw new UsageError(
      "no package.json with a version was found: give --package-version, or run it in the application's folder",
    );
  }
  const namespaceFrom = given === undefined ? String(found.file) : '--namespace';
  return {
    namespace,
    namespaceFrom,
    packageVersion,
    versionStamp: textOf(args, 'stamp') ?? readEnvironment().versionStamp,
  };
}
