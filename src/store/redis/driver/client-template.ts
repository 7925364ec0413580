import type { ConnectionOptions } from 'node:tls';
import { InvalidOptionError } from '../../../value/errors.js';
import { TlsSettings } from '../../tls-settings.js';
import { redisAddress } from '../redis-address.js';
import type { RedisAddress } from '../redis-address.js';
import { RedisCredentials } from '../redis-credentials.js';
import type { RedisTarget } from '../redis-target.js';
import { ioRedisDriver } from './ioredis-driver.js';
import type { IoRedisClient } from './ioredis-driver.js';
import { loadDriver } from './load-driver.js';
import { nodeRedisDriver } from './node-redis-driver.js';
import type { NodeRedisClient } from './node-redis-driver.js';
import type { DriverName, RedisDriver } from './redis-driver.js';

/** A client of `redis`, `@redis/client` or `ioredis`: what all of them have in common. */
export interface RedisClientTemplate {
  duplicate(...args: never[]): unknown;
}

/** What a user's client says of the servers, and how connections like its own are made. */
export interface TemplateFacts {
  readonly driver: DriverName;
  readonly target: RedisTarget;
  /** A driver whose clients are duplicates of the user's. */
  load(): Promise<RedisDriver>;
}

interface IoRedisOptions {
  readonly host?: string;
  readonly port?: number;
  readonly path?: string | null;
  readonly db?: number;
  readonly tls?: ConnectionOptions | null;
  readonly sentinels?: readonly { readonly host?: string; readonly port?: number }[] | null;
  readonly name?: string | null;
  readonly sentinelUsername?: string | null;
  readonly sentinelPassword?: string | null;
}

interface NodeRedisOptions {
  readonly socket?: { readonly host?: string; readonly port?: number; readonly path?: string; readonly tls?: boolean };
  readonly database?: number;
}

/** @throws InvalidOptionError for what is no such client, or none that can be a template. */
export function readClientTemplate(client: RedisClientTemplate): TemplateFacts {
  const { isCluster, status, sendCommand, duplicate, options } = client as unknown as Readonly<Record<string, unknown>>;
  if (typeof duplicate === 'function' && typeof sendCommand === 'function') {
    if (isCluster === true) return fromIoRedisCluster(client);
    if (typeof status === 'string') return fromIoRedis(client, options as IoRedisOptions);
    if (typeof options === 'object' && options !== null) return fromNodeRedis(client, options);
  }
  throw refused('it is no client that can be duplicated');
}

function fromIoRedis(client: RedisClientTemplate, options: IoRedisOptions): TemplateFacts {
  if (options.path) throw refused('it uses a socket of the file system');
  const { sentinels, name, db: database = 0 } = options;
  const tls = options.tls ?? undefined;
  const common = {
    database,
    ...(tls && { tls: new TlsSettings(tls) }),
    // A duplicate brings its own.
    credentials: new RedisCredentials(),
    sentinelCredentials: new RedisCredentials(
      options.sentinelUsername ?? undefined,
      options.sentinelPassword ?? undefined,
    ),
  };
  const target: RedisTarget = sentinels?.length
    ? { topology: 'sentinel', addresses: addresses(sentinels, 26_379), primaryName: name ?? '', ...common }
    : { topology: 'alone', addresses: addresses([options], 6_379), ...common };
  const { duplicate } = client as unknown as { readonly duplicate: (options: object) => IoRedisClient };
  const driver = ioRedisDriver((overrides) => duplicate.call(client, overrides));
  return { driver: 'ioredis', target, load: () => Promise.resolve(driver) };
}

/** Its nodes' clients are made from `redisOptions`, by the module that is installed: a Cluster holds no constructor of them. */
function fromIoRedisCluster(client: RedisClientTemplate): TemplateFacts {
  const { startupNodes, options } = client as unknown as {
    readonly startupNodes: readonly (string | number | { readonly host?: string; readonly port?: number })[];
    readonly options: { readonly redisOptions?: IoRedisOptions };
  };
  const nodes = startupNodes.map((node) => {
    if (typeof node === 'number') return { host: '127.0.0.1', port: node };
    if (typeof node !== 'string') return node;
    const { hostname, port } = new URL(node.includes('://') ? node : `redis://${node}`);
    return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 6_379) };
  });
  const redisOptions = options.redisOptions ?? {};
  const tls = redisOptions.tls ?? undefined;
  const target: RedisTarget = {
    topology: 'cluster',
    addresses: addresses(nodes, 6_379),
    database: 0,
    ...(tls && { tls: new TlsSettings(tls) }),
    credentials: new RedisCredentials(),
    sentinelCredentials: new RedisCredentials(),
  };
  return { driver: 'ioredis', target, load: () => loadDriver('ioredis', undefined, redisOptions) };
}

function fromNodeRedis(client: RedisClientTemplate, options: NodeRedisOptions): TemplateFacts {
  const { host, port, path, tls, ...rest } = options.socket ?? {};
  if (path !== undefined) throw refused('it uses a socket of the file system');
  const target: RedisTarget = {
    topology: 'alone',
    addresses: addresses([{ host, port }], 6_379),
    database: options.database ?? 0,
    ...(tls && { tls: new TlsSettings(rest) }),
    credentials: new RedisCredentials(),
    sentinelCredentials: new RedisCredentials(),
  };
  const { duplicate } = client as unknown as { readonly duplicate: (options: object) => NodeRedisClient };
  const driver = nodeRedisDriver((overrides) => duplicate.call(client, overrides));
  return { driver: 'redis', target, load: () => Promise.resolve(driver) };
}

function addresses(
  nodes: readonly { readonly host?: string | undefined; readonly port?: number | undefined }[],
  defaultPort: number,
): [RedisAddress, ...RedisAddress[]] {
  const [first, ...others] = nodes.map(({ host = 'localhost', port = defaultPort }) =>
    redisAddress(host, Number(port)),
  );
  if (!first || others.includes(undefined)) throw refused('it names no host and port');
  return [first, ...(others as RedisAddress[])];
}

function refused(problem: string): InvalidOptionError {
  return new InvalidOptionError(
    'client',
    problem,
    'Give a client of redis made by createClient(), or a Redis or Cluster of ioredis; else say where the servers are: url, cluster, or sentinels with name.',
  );
}
