import { startMemcached } from '../../support/memcached-process.js';
import { startRedis } from '../../support/redis-process.js';
import { endurance } from './open-locks.js';

/** A server that locks live on, whichever it is. */
export interface LockServer {
  readonly port: number;
  /** Of its clock. */
  readonly resolutionMs: number;
  /** As `openLocks` takes it. */
  readonly address: string;
  /** The same, reached over another address of this machine. */
  over(address: string): string;
  kill(): Promise<void>;
  start(): Promise<void>;
  /** SIGSTOP and SIGCONT. */
  pause(): void;
  resume(): void;
  stop(): Promise<void>;
  /** Loses everything, and runs on. */
  forgetAll(): Promise<void>;
  /** Of keys, which it was sent so far. */
  operations(): Promise<number>;
  /** Writes that it has taken so far. */
  writes(): Promise<number>;
}

export type LockServerName = keyof typeof startLockServer;
export const lockServerNames: readonly LockServerName[] = ['memcached', 'redis'];

/** For scenarios that take their time: `npm test` plays them on one server, `npm run test:endurance` on each. */
export const oneLockServer = (name: LockServerName): readonly LockServerName[] =>
  endurance ? lockServerNames : [name];

const sumOf = (stats: Readonly<Record<string, unknown>>, names: readonly string[]): number =>
  names.reduce((sum, name) => sum + Number(stats[name] ?? 0), 0);

export const startLockServer = {
  async memcached(): Promise<LockServer> {
    const server = await startMemcached();
    const { address, port } = server;
    return {
      port,
      resolutionMs: 1_000,
      address,
      over: (other) => other,
      kill: () => server.kill(),
      start: () => server.start(),
      pause: () => server.pause(),
      resume: () => server.resume(),
      stop: () => server.stop(),
      forgetAll: async () => void (await server.command('flush_all')),
      operations: async () =>
        sumOf(await server.stats(), ['cmd_get', 'cmd_set', 'incr_hits', 'incr_misses', 'delete_hits', 'delete_misses']),
      writes: async () => sumOf(await server.stats(), ['total_items']),
    };
  },
  async redis(): Promise<LockServer> {
    const server = await startRedis();
    const { url, port } = server;
    const calls = async (names: readonly string[]): Promise<number> => {
      const stats = await server.info('commandstats');
      return names.reduce(
        (sum, name) => sum + Number(/^calls=(\d+)/.exec(stats[`cmdstat_${name}`] ?? '')?.[1] ?? 0),
        0,
      );
    };
    return {
      port,
      resolutionMs: 1,
      address: url,
      over: (other) => `redis://${other}`,
      kill: () => server.kill(),
      start: () => server.start(),
      pause: () => server.pause(),
      resume: () => server.resume(),
      stop: () => server.stop(),
      forgetAll: async () => void (await server.command('FLUSHALL')),
      operations: () => calls(['mget', 'set', 'evalsha', 'unlink']),
      writes: () => calls(['set']),
    };
  },
} as const;
