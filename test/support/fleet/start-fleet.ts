import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { memoryStore } from '../../../src/store/memory-store.js';
import { startMemcached } from '../memcached-process.js';
import type { MemcachedProcess } from '../memcached-process.js';
import { startRedis } from '../redis-process.js';
import type { RedisProcess } from '../redis-process.js';
import { startTcpProxy } from '../tcp-proxy.js';
import type { TcpProxy } from '../tcp-proxy.js';
import { startWorker } from '../worker-process.js';
import type { WorkerProcess } from '../worker-process.js';
import { FleetMember } from './fleet-member.js';
import type { MemberCache } from './fleet-member.js';

export type FleetStore = 'memory' | 'disk' | 'memcached' | 'redis';
export const fleetStores: readonly FleetStore[] = ['memory', 'disk', 'memcached', 'redis'];

type Methods = {
  [M in keyof FleetMember as FleetMember[M] extends (...args: never[]) => unknown ? M : never]: FleetMember[M];
};

/** A process of the fleet, as the test sees it. */
export interface Member {
  call<M extends keyof Methods>(method: M, ...args: Parameters<Methods[M]>): Promise<Awaited<ReturnType<Methods[M]>>>;
  readonly worker: WorkerProcess | undefined;
}

export interface FleetOptions {
  readonly members?: number;
  readonly caches?: Record<string, MemberCache>;
  /** Members reach the server through `proxy`. */
  readonly proxied?: boolean;
  /** Of the server, to connect as well. Default: longer than a busy machine keeps an answer waiting, and shorter than loads wait for a server that is restarted. */
  readonly commandTimeout?: number;
  /** Of Redis. False: every incarnation is taken for one. */
  readonly checksIncarnation?: boolean;
  /** What stands in the folder when the members start. */
  readonly files?: Record<string, string>;
}

/**
 * So many processes on one store. On memory they are caches of this process that share one store, since no other process sees it; elsewhere they are processes of the operating system.
 */
export async function startFleet(
  store: FleetStore,
  {
    members = 3,
    caches = { main: {} },
    proxied = false,
    files = {},
    commandTimeout = 5_000,
    checksIncarnation = true,
  }: FleetOptions = {},
): Promise<Fleet> {
  const folder = mkdtempSync(join(tmpdir(), 'fleet-'));
  for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, file), text);
  const server = store === 'memcached' ? await startMemcached() : undefined;
  const redis = store === 'redis' ? await startRedis() : undefined;
  const port = server?.port ?? redis?.port;
  const proxy = port !== undefined && proxied ? await startTcpProxy(port) : undefined;
  const shared = memoryStore();
  const address = proxy?.address ?? server?.address ?? redis?.address ?? '';
  const place =
    store === 'disk'
      ? { directory: join(folder, 'store') }
      : {
          ...(store === 'redis' ? { url: `redis://${address}`, checksIncarnation } : { servers: address }),
          commandTimeout,
          connectTimeout: commandTimeout,
        };
  const start = async (index: number): Promise<Member> => {
    const data = { member: `P${index}`, folder, caches };
    if (store !== 'memory') {
      const url = new URL('../workers/fleet-worker.ts', import.meta.url);
      const worker = await startWorker(url, { ...data, store: place });
      return { worker, call: (method, ...args) => worker.call(method, ...args) };
    }
    const member = new FleetMember(data, () => shared);
    await member.open();
    const methods = member as unknown as Record<string, (...args: unknown[]) => unknown>;
    return { worker: undefined, call: async (method, ...args) => methods[method]?.(...args) as never };
  };
  return new Fleet(
    folder,
    await Promise.all(Array.from({ length: members }, (_, index) => start(index))),
    server,
    proxy,
    redis,
  );
}

export class Fleet {
  constructor(
    readonly folder: string,
    readonly members: readonly Member[],
    readonly server: MemcachedProcess | undefined,
    readonly proxy: TcpProxy | undefined,
    readonly redis: RedisProcess | undefined,
  ) {}

  member(index: number): Member {
    const member = this.members[index];
    if (!member) throw new Error(`the fleet has no member ${index}`);
    return member;
  }

  /** The rows that loaders read, and the gates that they wait for. Nobody sees half of it. */
  write(file: string, text = ''): void {
    const draft = join(this.folder, `${file}.draft`);
    writeFileSync(draft, text);
    renameSync(draft, join(this.folder, file));
  }

  /** Lines that begin so, without the member's name, of one member or of all: what really happened, by no cache's account. */
  journal(beginning = '', member?: number): string[] {
    let text = '';
    try {
      text = readFileSync(join(this.folder, 'journal'), 'utf8');
    } catch {
      // Nobody has loaded yet.
    }
    return text
      .split('\n')
      .filter((line) => member === undefined || line.startsWith(`P${member} `))
      .map((line) => line.slice(line.indexOf(' ') + 1))
      .filter((line) => line.startsWith(beginning) && line.length > 0);
  }

  async stop(): Promise<void> {
    await Promise.all(this.members.map((member) => (member.worker ? member.worker.stop() : member.call('stop'))));
    await this.proxy?.close();
    await this.server?.stop();
    await this.redis?.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
