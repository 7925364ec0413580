import { Integrity } from '../../codec/integrity.js';
import { HiddenNames } from '../../key/hidden-names.js';
import { secondsFromEnv } from '../../value/seconds-from-env.js';
import { InvalidOptionError } from '../../value/errors.js';

/** `MEMCACHED_TLS`, `MEMCACHED_USERNAME`, `MEMCACHED_PASSWORD`. */
export interface MemcachedAccess {
  readonly tls?: boolean;
  readonly username?: string;
  readonly password?: string;
}

/** `CACHE_REDIS_KEY_PREFIX`, `CACHE_REDIS_PARTITIONS`: as the options of `redisStore`, which looks at their values. */
export interface RedisLayout {
  readonly keyPrefix?: string;
  readonly partitions?: number;
}

/** The variables of a `memcachedStore`, by its options. */
export const memcachedVariables = {
  servers: 'MEMCACHED_SERVERS',
  tls: 'MEMCACHED_TLS',
  username: 'MEMCACHED_USERNAME',
  password: 'MEMCACHED_PASSWORD',
} as const;

/** The variables of a `redisStore`, by its options. */
export const redisVariables = {
  url: 'CACHE_REDIS_URL',
  keyPrefix: 'CACHE_REDIS_KEY_PREFIX',
  partitions: 'CACHE_REDIS_PARTITIONS',
} as const;

/** What says which store there is, where the options name none. */
export const storeVariables = [
  ...Object.values(memcachedVariables),
  ...Object.values(redisVariables),
  'CACHE_DISK_PATH',
] as const;

/** What is read, whatever the store. */
export const cacheVariables = [
  'CACHE_KEY_VERSION_STAMP',
  'DEFAULT_CACHE_TIMEOUT',
  'CACHE_KEY_SECRET',
  'CACHE_INTEGRITY_KEYS',
] as const;

type Variable = (typeof storeVariables)[number] | (typeof cacheVariables)[number] | 'NODE_ENV';
type TextOf = (name: Variable) => string | undefined;

/** What the environment says of a cache, whatever its store. Empty variables count as unset. */
export interface Environment {
  readonly versionStamp: string | undefined;
  readonly defaultTtlMs: number;
  readonly integrity: Integrity | undefined;
  readonly keySecret: HiddenNames | undefined;
}

/** What the environment says of the store. Empty variables count as unset. */
export interface StoreEnvironment {
  readonly memcachedServers: string | undefined;
  readonly memcachedAccess: MemcachedAccess;
  readonly redisUrl: string | undefined;
  readonly redisLayout: RedisLayout;
  readonly diskPath: string | undefined;
  /** `NODE_ENV=test`: what one run has left must not answer the next. */
  readonly isTest: boolean;
}

/** Read once, when the module starts. @throws InvalidOptionError naming the variable and what would be valid. */
export function readEnvironment(env: NodeJS.ProcessEnv = process.env): Environment {
  const text = textOf(env);
  const versionStamp = text('CACHE_KEY_VERSION_STAMP');
  if (versionStamp !== undefined && versionStamp.length > 100) {
    throw new InvalidOptionError(
      'CACHE_KEY_VERSION_STAMP',
      `it has ${versionStamp.length} characters`,
      'Give at most 100, such as 20230607123455.',
    );
  }
  return {
    versionStamp,
    defaultTtlMs: secondsFromEnv('DEFAULT_CACHE_TIMEOUT', 300, env),
    integrity: integrityIn(text('CACHE_INTEGRITY_KEYS')),
    keySecret: hiddenBy(text('CACHE_KEY_SECRET')),
  };
}

/**
 * Read only where nothing else names the store: variables that nobody follows may say anything.
 * @throws InvalidOptionError naming the variable and what would be valid.
 */
export function readStoreEnvironment(env: NodeJS.ProcessEnv = process.env): StoreEnvironment {
  const text = textOf(env);
  const diskPath = text('CACHE_DISK_PATH');
  if (diskPath?.includes('\0')) throw new InvalidOptionError('CACHE_DISK_PATH', 'it is not a path', 'Give a folder.');
  return {
    memcachedServers: text(memcachedVariables.servers),
    memcachedAccess: memcachedAccessIn(text),
    redisUrl: text(redisVariables.url),
    redisLayout: redisLayoutIn(text),
    diskPath,
    isTest: text('NODE_ENV') === 'test',
  };
}

/** @throws InvalidOptionError where the environment names two stores for the entries. */
export function assertOneStore({ memcachedServers, redisUrl }: StoreEnvironment): void {
  if (memcachedServers === undefined || redisUrl === undefined) return;
  throw new InvalidOptionError(
    'CACHE_REDIS_URL',
    'MEMCACHED_SERVERS is set as well, and one store holds the entries',
    'Unset one of them.',
  );
}

function textOf(env: NodeJS.ProcessEnv): TextOf {
  return (name) => {
    const value = env[name]?.trim();
    return value === '' ? undefined : value;
  };
}

function memcachedAccessIn(text: TextOf): MemcachedAccess {
  const tls = text(memcachedVariables.tls);
  const username = text(memcachedVariables.username);
  const password = text(memcachedVariables.password);
  if (tls !== undefined && tls !== 'true' && tls !== 'false') {
    throw new InvalidOptionError(memcachedVariables.tls, 'it is neither true nor false', 'Give true, or unset it.');
  }
  return {
    ...(tls === 'true' && { tls: true }),
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
  };
}

function redisLayoutIn(text: TextOf): RedisLayout {
  const keyPrefix = text(redisVariables.keyPrefix);
  const partitions = text(redisVariables.partitions);
  return {
    ...(keyPrefix !== undefined && { keyPrefix }),
    ...(partitions !== undefined && { partitions: Number(partitions) }),
  };
}

function integrityIn(given: string | undefined): Integrity | undefined {
  if (given === undefined) return undefined;
  const keys = given.split(',').map((one) => {
    const [id = '', ...secret] = one.trim().split(':');
    return { id, secret: secret.join(':') };
  });
  try {
    return new Integrity({ keys });
  } catch (cause) {
    const problem = (cause as Error).message.replace(/^integrity\.keys: /, '').split('. ')[0] ?? '';
    const remedy = "Give 'id:secret', several separated by commas; secrets such as `openssl rand -base64 32` prints.";
    throw new InvalidOptionError('CACHE_INTEGRITY_KEYS', problem, remedy);
  }
}

function hiddenBy(secret: string | undefined): HiddenNames | undefined {
  if (secret === undefined) return undefined;
  if (Buffer.byteLength(secret) >= 32) return new HiddenNames(secret);
  const remedy = 'Make one with `openssl rand -base64 32`.';
  throw new InvalidOptionError('CACHE_KEY_SECRET', 'it has fewer than 32 bytes', remedy);
}
