import { TieredCache } from '../cache/tiered-cache.js';
import { readEnvironment } from '../cache/configuration/environment.js';
import { findPackageIdentity } from '../cache/configuration/package-identity.js';
import { shardOfKey } from '../coherence/coherence.js';
import { KeySpace } from '../key/key-space.js';
import type { Key } from '../key/key.js';
import { authenticated } from '../origin/authenticated-store.js';
import type { Shard, Store } from '../store/store.js';
import type { Arguments, OptionTypes } from './arguments.js';
import { textOf } from './arguments.js';
import { chosenStore } from './chosen-store.js';
import { UsageError } from './usage-error.js';

/** Which store, and which keys in it. */
export const keyOptions = {
  servers: { type: 'string' },
  redis: { type: 'string' },
  disk: { type: 'string' },
  namespace: { type: 'string' },
  'package-version': { type: 'string' },
  stamp: { type: 'string' },
} satisfies OptionTypes;

/** The application's keys in its store. */
export interface OpenedStore {
  readonly store: Store;
  readonly keySpace: KeySpace;
  /** Where the application finds a key, and under which name. */
  readonly find: (key: Key) => { readonly storeKey: string; readonly shard: Shard };
}

interface Identity {
  readonly namespace: string;
  readonly packageVersion: string;
  readonly versionStamp: string | undefined;
}

/** Runs on the store alone: nothing is written. @throws UsageError, InvalidOptionError */
export async function withStore<T>(args: Arguments, run: (store: Store) => Promise<T>): Promise<T> {
  const environment = readEnvironment();
  const chosen = await chosenStore(args, environment);
  const store = environment.integrity ? authenticated(chosen, environment.integrity) : chosen;
  await store.open();
  try {
    return await run(store);
  } finally {
    await store.close();
  }
}

/** As `withStore`, for commands that know the application's keys. */
export async function withKeys<T>(args: Arguments, run: (opened: OpenedStore) => Promise<T>): Promise<T> {
  const identity = identityOf(args);
  return withStore(args, (store) => run(opened(store, identity)));
}

/** Runs on the cache as the application has it, without near tiers. @throws UsageError, InvalidOptionError */
export async function withCache<T>(
  args: Arguments,
  run: (cache: TieredCache, opened: OpenedStore) => Promise<T>,
): Promise<T> {
  const identity = identityOf(args);
  const environment = readEnvironment();
  const store = await chosenStore(args, environment);
  const { integrity, keySecret } = environment;
  const cache = new TieredCache({
    name: 'command line',
    ...identity,
    store,
    process: false,
    ...(integrity && { integrity }),
    ...(keySecret && { keySecret }),
  });
  await cache.open();
  try {
    return await run(cache, opened(integrity ? authenticated(store, integrity) : store, identity));
  } finally {
    await cache.close();
  }
}

function opened(store: Store, { namespace, packageVersion, versionStamp }: Identity): OpenedStore {
  const keySpace = new KeySpace(namespace, packageVersion, versionStamp);
  const { keySecret } = readEnvironment();
  const find = (key: Key): { storeKey: string; shard: Shard } => {
    const { text } = keySecret?.ofKey(key) ?? key;
    return { storeKey: keySpace.storeKey(text), shard: shardOfKey(store, namespace, text) };
  };
  return { store, keySpace, find };
}

function identityOf(args: Arguments): Identity {
  const found = findPackageIdentity();
  const namespace = textOf(args, 'namespace') ?? found.name;
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
  return { namespace, packageVersion, versionStamp: textOf(args, 'stamp') ?? readEnvironment().versionStamp };
}
