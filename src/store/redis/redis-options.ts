import type { ConnectionOptions } from 'node:tls';
import { positiveMilliseconds } from '../../value/duration.js';
import type { Duration } from '../../value/duration.js';
import { InvalidOptionError } from '../../value/errors.js';
import { KnownOptions } from '../../value/known-options.js';
import type { OptionTable } from '../../value/known-options.js';
import { TlsSettings } from '../tls-settings.js';
import type { RedisClientTemplate, TemplateFacts } from './driver/client-template.js';
import { readClientTemplate } from './driver/client-template.js';
import type { DriverName } from './driver/redis-driver.js';
import { parseRedisAddress } from './redis-address.js';
import type { RedisAddress } from './redis-address.js';
import { RedisCredentials } from './redis-credentials.js';
import type { RedisTarget } from './redis-target.js';
import { parseRedisUrl } from './redis-url.js';

/** How a Redis is reached. Exactly one of `url`, `client`, `cluster` and `sentinels` says where it is. */
export interface RedisConnectionOptions {
  /**
   * `redis://user:password@host:6379/0`; `rediss://` for TLS; several hosts, `redis://a:7000,b:7000`, for a Cluster, or `redis+cluster://a:7000` where one
   * host stands for it (`rediss+cluster://` for TLS); `redis+sentinel://a:26379,b:26379/name/0` (`rediss+sentinel://` for TLS).
   */
  readonly url?: string;
  /**
   * A client that the application has: of `redis` or `@redis/client` (`createClient()`), or of `ioredis` (`Redis` with or without sentinels,
   * `Cluster`). It is a template: connections with the same login, TLS settings and database are made beside it; it is never used or closed.
   */
  readonly client?: RedisClientTemplate;
  /** Some nodes of a Cluster, `['10.0.0.1:7000', …]`; the others are found, also where these have become replicas. */
  readonly cluster?: readonly string[];
  /** The sentinels, `['10.0.0.1:26379', …]`, which are asked for the primary called `name`. */
  readonly sentinels?: readonly string[];
  /** What the sentinels call the primary. */
  readonly name?: string;
  /** For `cluster` and `sentinels`; a URL holds its own. */
  readonly username?: string;
  /** For `cluster` and `sentinels`; a URL holds its own. */
  readonly password?: string;
  /** The sentinels' own user. */
  readonly sentinelUsername?: string;
  /** The sentinels' own password. Default: none is sent to them. */
  readonly sentinelPassword?: string;
  /** For `sentinels`. Default 0. */
  readonly database?: number;
  /** `true`, or what `tls.connect` takes: `ca`, `cert`, `key`, `servername`. Default: as the URL says; off for lists. */
  readonly tls?: boolean | ConnectionOptions;
  /**
   * What speaks to the servers: `built-in`, which needs no package; `redis` (also as `@redis/client`) or `ioredis`, which have to be installed. Default:
   * `client`'s own, else `built-in`.
   */
  readonly driver?: DriverName;
  /** How long a connection may take, its greeting included. Default 500 ms. */
  readonly connectTimeout?: Duration;
  /**
   * How long a command may take from when it is written, and of commands that are sent together each next answer, and all of them 20 times as long; a
   * connection with an overdue one is given up. Default 250 ms.
   */
  readonly commandTimeout?: Duration;
}

/** The options, checked. */
export interface RedisSettings {
  readonly target: RedisTarget;
  readonly driver: DriverName;
  readonly template: TemplateFacts | undefined;
  readonly connectTimeoutMs: number;
  readonly commandTimeoutMs: number;
}

const drivers: readonly DriverName[] = ['built-in', 'redis', 'ioredis'];
const usualDeadlines = { connectTimeout: 500, commandTimeout: 250 };
const sources = ['url', 'client', 'cluster', 'sentinels'] as const;

/** Their names. What `client` and `tls` hold is not ours to know. */
export const redisConnectionOptionTable: OptionTable<RedisConnectionOptions> = {
  url: true,
  client: true,
  cluster: true,
  sentinels: true,
  name: true,
  username: true,
  password: true,
  sentinelUsername: true,
  sentinelPassword: true,
  database: true,
  tls: true,
  driver: true,
  connectTimeout: true,
  commandTimeout: true,
};

export const redisConnectionOptions = KnownOptions.of<RedisConnectionOptions>('redis', redisConnectionOptionTable);

/**
 * @param usual the deadlines of connections that name none.
 * @throws InvalidOptionError, InvalidDurationError
 */
export function readRedisOptions(
  options: RedisConnectionOptions = {},
  urlOption = 'url',
  usual: Required<Pick<RedisConnectionOptions, 'connectTimeout' | 'commandTimeout'>> = usualDeadlines,
): RedisSettings {
  const given = sources.filter((name) => options[name] !== undefined);
  if (given.length !== 1) {
    const problem = given.length === 0 ? 'nothing says where Redis is' : `${given.join(' and ')} are both given`;
    throw new InvalidOptionError('redis', problem, 'Give one of url, client, cluster, or sentinels with name.');
  }
  const { driver, connectTimeout = usual.connectTimeout, commandTimeout = usual.commandTimeout } = options;
  if (driver !== undefined && !drivers.includes(driver)) {
    throw new InvalidOptionError('driver', 'it is not a driver', "Give 'built-in', 'redis' or 'ioredis'.");
  }
  const template = options.client === undefined ? undefined : readClientTemplate(options.client);
  if (template && driver !== undefined && driver !== template.driver) {
    throw new InvalidOptionError('driver', `the client is one of ${template.driver}`, 'Leave driver out.');
  }
  const target = template?.target ?? (options.url === undefined ? listed(options) : withTls(options, urlOption));
  return {
    target,
    driver: template?.driver ?? driver ?? 'built-in',
    template,
    connectTimeoutMs: positiveMilliseconds(connectTimeout, 'connectTimeout'),
    commandTimeoutMs: positiveMilliseconds(commandTimeout, 'commandTimeout'),
  };
}

function withTls(options: RedisConnectionOptions, urlOption: string): RedisTarget {
  const target = parseRedisUrl(options.url ?? '', urlOption);
  for (const name of ['username', 'password', 'database', 'name'] as const) {
    if (options[name] !== undefined) {
      throw new InvalidOptionError(name, 'a URL holds its own', `Write it into ${urlOption}.`);
    }
  }
  const tls = tlsOf(options.tls) ?? target.tls;
  return { ...target, ...(tls && { tls }), sentinelCredentials: sentinelCredentialsOf(options) };
}

/** A Cluster or sentinels, given as lists. */
function listed(options: RedisConnectionOptions): RedisTarget {
  const { cluster, sentinels, name, database = 0, username, password } = options;
  const option = cluster ? 'cluster' : 'sentinels';
  const addresses = addressesOf(cluster ?? sentinels ?? [], option, cluster ? 6_379 : 26_379);
  if (cluster && database !== 0) {
    throw new InvalidOptionError('database', 'a Cluster has no database but 0', 'Leave it out.');
  }
  if (!Number.isInteger(database) || database < 0) {
    throw new InvalidOptionError('database', 'it is not a number of a database', 'Give 0, 1, 2 …');
  }
  if (sentinels && (typeof name !== 'string' || name === '')) {
    throw new InvalidOptionError('name', 'it is missing', 'Give the name by which the sentinels know the primary.');
  }
  const tls = tlsOf(options.tls);
  return {
    topology: cluster ? 'cluster' : 'sentinel',
    addresses,
    ...(!cluster && name !== undefined && { primaryName: name }),
    database,
    ...(tls && { tls }),
    credentials: new RedisCredentials(username, password),
    sentinelCredentials: sentinelCredentialsOf(options),
  };
}

function addressesOf(texts: readonly string[], option: string, defaultPort: number): [RedisAddress, ...RedisAddress[]] {
  const given: unknown = texts;
  const list = Array.isArray(given) ? (given as readonly unknown[]) : [];
  const [first, ...others] = list.map((text, index) => {
    const address = typeof text === 'string' ? parseRedisAddress(text.trim(), defaultPort) : undefined;
    if (address) return address;
    throw new InvalidOptionError(option, `number ${index + 1} is not host:port`, "Give a list of 'host:port'.");
  });
  if (!first) throw new InvalidOptionError(option, 'it names no server', "Give a list of 'host:port'.");
  return [first, ...others];
}

function sentinelCredentialsOf({ sentinelUsername, sentinelPassword }: RedisConnectionOptions): RedisCredentials {
  return new RedisCredentials(sentinelUsername, sentinelPassword);
}

function tlsOf(tls: boolean | ConnectionOptions | undefined): TlsSettings | undefined {
  return tls ? new TlsSettings(tls === true ? {} : tls) : undefined;
}
