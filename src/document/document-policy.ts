import type { RedisConnection } from '../store/redis/redis-connection.js';
import { textOf } from '../store/redis/redis-reply.js';
import { InvalidOptionError } from '../value/errors.js';
import { ToldOnce } from '../value/told-once.js';
import { refused } from './document-server.js';

/** What of a server's configuration documents depend on. */
export interface ServerPolicy {
  readonly evictionPolicy: string;
  /** Bytes; the machine's memory where the server has no limit. */
  readonly maxMemory: number;
  readonly hasLimit: boolean;
  /** Whether acknowledged writes are in a file as well. */
  readonly isAppendOnly: boolean;
}

/** @throws InvalidOptionError for a Cluster, and for a server that evicts what is not backed up; StoreUnavailableError */
export async function readPolicy(connection: RedisConnection): Promise<ServerPolicy> {
  if (connection.identity?.isCluster) throw clusterRefused();
  const [memory, persistence] = await Promise.all([info(connection, 'memory'), info(connection, 'persistence')]);
  const evictionPolicy = memory.get('maxmemory_policy') ?? 'noeviction';
  if (evictionPolicy.startsWith('allkeys-')) {
    throw new InvalidOptionError(
      'connection',
      `the server's maxmemory-policy is ${evictionPolicy}, which evicts documents that are not backed up`,
      'Set it to volatile-lru or volatile-lfu, or give the documents a Redis of their own.',
    );
  }
  const maxMemory = Number(memory.get('maxmemory') ?? 0);
  return {
    evictionPolicy,
    maxMemory: maxMemory || Number(memory.get('total_system_memory') ?? 0),
    hasLimit: maxMemory > 0,
    isAppendOnly: persistence.get('aof_enabled') === '1',
  };
}

/** What is allowed and yet not what one wants. */
export function warningsOf(policy: ServerPolicy): string[] {
  const { evictionPolicy, hasLimit, isAppendOnly } = policy;
  return [
    ...(isAppendOnly
      ? []
      : [
          'Redis keeps no append-only file: a document that is acknowledged and not backed up is lost with its process.',
        ]),
    ...(evictionPolicy === 'noeviction'
      ? [
          'maxmemory-policy is noeviction: documents stay in memory until their life ends; then new ones go to the object store.',
        ]
      : hasLimit
        ? []
        : ['maxmemory is 0: nothing is evicted, and documents may take all memory of the machine.']),
  ];
}

export function clusterRefused(): InvalidOptionError {
  return new InvalidOptionError(
    'connection',
    'documents do not work in a Cluster: a document and the index of what is not backed up change together',
    'Give a Redis that is alone or has sentinels.',
  );
}

async function info(connection: RedisConnection, section: string): Promise<ReadonlyMap<string, string>> {
  const reply = await connection.ask(['INFO', section]).catch((error: unknown) => {
    throw refused(connection, error);
  });
  return new Map(
    [...(textOf(reply) ?? '').matchAll(/^(\w+):(.*?)\r?$/gm)].map(([, name = '', value = '']) => [name, value]),
  );
}

/** What the servers behind the connections are, asked of each once, and warnings of it, each told once. */
export class PolicyWatch {
  /** Of the server that was asked last. */
  latest: ServerPolicy | undefined;
  private readonly asked = new WeakMap<RedisConnection, Promise<ServerPolicy>>();
  private readonly warnings: ToldOnce;

  constructor(warn: (message: string) => void) {
    this.warnings = new ToldOnce('redis documents', warn);
  }

  /** @param again it may have been configured anew. @throws InvalidOptionError, StoreUnavailableError */
  of(connection: RedisConnection, again = false): Promise<ServerPolicy> {
    const known = again ? undefined : this.asked.get(connection);
    if (known) return known;
    const asked = readPolicy(connection).then((policy) => {
      this.latest = policy;
      this.warnings.all(warningsOf(policy));
      return policy;
    });
    this.asked.set(connection, asked);
    asked.catch(() => this.asked.delete(connection));
    return asked;
  }
}
