import { parseArgs } from 'node:util';
import { TieredCache } from '../cache/tiered-cache.js';
import { defaultStore } from '../cache/configuration/default-store.js';
import { readEnvironment } from '../cache/configuration/environment.js';
import { findPackageIdentity, requireIdentity } from '../cache/configuration/package-identity.js';
import { Key } from '../key/key.js';
import { decodePart, encodePart } from '../key/key-part.js';
import type { KeyPart } from '../key/key-part.js';
import type { Store } from '../store/store.js';
import { UsageError } from './usage-error.js';

/** What the arguments of a command on the store mean. */
export interface OpenedCache {
  readonly cache: TieredCache;
  readonly store: Store;
  readonly positionals: readonly string[];
  readonly json: boolean;
  readonly showValues: boolean;
  readonly yes: boolean;
}

const options = {
  servers: { type: 'string' },
  disk: { type: 'string' },
  namespace: { type: 'string' },
  'package-version': { type: 'string' },
  stamp: { type: 'string' },
  'show-values': { type: 'boolean' },
  json: { type: 'boolean' },
  yes: { type: 'boolean' },
} as const;

/** Opens what the application uses, without near tiers. Close the cache. @throws UsageError, InvalidOptionError */
export async function openCache(args: readonly string[]): Promise<OpenedCache> {
  const { values, positionals } = parse(args);
  const environment = readEnvironment();
  const identity = findPackageIdentity(undefined);
  const memcachedServers = values.servers ?? (values.disk === undefined ? environment.memcachedServers : undefined);
  const { store } = await defaultStore({
    ...environment,
    memcachedServers,
    diskPath: values.disk ?? environment.diskPath,
  });
  if (store.capabilities.reach === 'process') {
    throw new UsageError('no store of the application can be reached from here: give --servers or --disk');
  }
  const cache = new TieredCache({
    name: 'command line',
    namespace: requireIdentity('namespace', values.namespace ?? identity.name, identity),
    packageVersion: requireIdentity('packageVersion', values['package-version'] ?? identity.version, identity),
    versionStamp: values.stamp ?? environment.versionStamp,
    store,
    process: false,
  });
  await cache.open();
  return {
    cache,
    store,
    positionals,
    json: values.json ?? false,
    showValues: values['show-values'] ?? false,
    yes: values.yes ?? false,
  };
}

/** The one key of a command. @throws UsageError, InvalidKeyError */
export function keyFrom(positionals: readonly string[]): Key {
  const [text, ...more] = positionals;
  if (text === undefined || text === '' || more.length > 0) throw new UsageError('give one KEY');
  return new Key(text.startsWith('[') ? jsonParts(text) : text.split(':').map(partFrom));
}

/** A part as the store shows it; one that no store would show is taken as it is. */
function partFrom(text: string): KeyPart {
  try {
    const part = decodePart(text);
    return encodePart(part) === text ? part : text;
  } catch {
    return text;
  }
}

function jsonParts(text: string): KeyPart[] {
  try {
    return JSON.parse(text) as KeyPart[];
  } catch {
    throw new UsageError('KEY begins with [ but is no JSON array of parts');
  }
}

function parse(
  args: readonly string[],
): ReturnType<typeof parseArgs<{ options: typeof options; allowPositionals: true }>> {
  try {
    return parseArgs({ args: [...args], allowPositionals: true, options });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : 'bad arguments');
  }
}
