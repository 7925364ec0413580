import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { CacheLock } from '../../../src/lock/cache-lock.js';
import type { Lease, LockProtections } from '../../../src/lock/lease.js';
import {
  LeaseLostError,
  LockHeldError,
  LockUnavailableError,
  StoreUnavailableError,
} from '../../../src/value/errors.js';
import { serveWorker } from '../../support/serve-worker.js';
import { Journal, readNumber, writeNumber } from './journal.js';
import { openLocks, pause } from './open-locks.js';
import { ResourceClient } from './resource-client.js';

export interface LockWorkerData {
  readonly servers: string;
  readonly ttlMs?: number;
  readonly protections?: LockProtections;
  readonly directory?: string;
  /** Of the protected resource. */
  readonly resourcePort?: number;
}

/** What a holder that was paused inside its section observed when it ran again. */
export interface AfterPause {
  readonly abortedAfterNextCall: boolean;
  readonly reason: string | undefined;
  readonly write: { readonly accepted: boolean; readonly max: number } | undefined;
  readonly renewed: boolean;
  readonly released: string;
}

serveWorker<LockWorkerData>(async ({ servers, ttlMs = 60_000, protections = {}, directory, resourcePort }) => {
  const open = await openLocks(servers, { ttl: ttlMs }, protections);
  const { locks } = open;
  const resource = resourcePort === undefined ? undefined : await ResourceClient.connect(resourcePort);
  const held = new Map<string, Lease>();
  let readersAway = 0;
  const holding = (name: string): Lease => {
    const lease = held.get(name);
    if (!lease) throw new Error(`${name} is not held`);
    return lease;
  };
  return {
    async acquire(name: string, renew = true, wait = 0) {
      const askedAt = Date.now();
      const outcome = await locks.acquire(name, { renew, wait });
      if (outcome.status === 'acquired') held.set(name, outcome.lease);
      return { status: outcome.status, askedAt, at: Date.now() };
    },
    release: (name: string) => holding(name).release(),
    renew: (name: string) => holding(name).renew(),
    serialize: (name: string) => JSON.stringify(holding(name)),
    resumeAndRelease: (json: string) => locks.resume(json).release(),
    contend: (name: string, workers: number, forMs: number) =>
      contend(locks, directory as string, name, workers, forMs),
    /** How many have read, and wait for the process to be stopped. */
    readersAway: () => readersAway,
    /** Reads, is away for as long as the event loop or the whole process is, then writes as if nothing had happened. */
    async readModifyWrite(name: string, blockMs: number): Promise<AfterPause> {
      const lease = holding(name);
      const { signal } = lease;
      const before = await resource?.read(name);
      readersAway++;
      const resumed = blockMs > 0 ? block(blockMs) : await untilPaused();
      readersAway--;
      if (!resumed) throw new Error('it was not paused');
      // One library call; what the signal says when it returns is what a careful section would go by.
      await locks.acquire(`${name}:other`);
      const abortedAfterNextCall = signal.aborted;
      const reason = (signal.reason as { reason?: string } | undefined)?.reason;
      const write = await resource?.write(name, lease.fencingToken, (before?.value ?? 0) + 1);
      return { abortedAfterNextCall, reason, write, renewed: await lease.renew(), released: await lease.release() };
    },
    async write(name: string) {
      const { value = 0 } = (await resource?.read(name)) ?? {};
      return resource?.write(name, holding(name).fencingToken, value + 1);
    },
    accumulate: (name: string, times: number) => accumulate(locks, resource as ResourceClient, name, times),
    async stop() {
      resource?.close();
      await open.close();
    },
  };
});

/** Read-modify-write sections of so many callers until the time is over. Resolves to the sections that were acknowledged. */
async function contend(locks: CacheLock, directory: string, name: string, workers: number, forMs: number) {
  const journal = new Journal(join(directory, 'journal'));
  const counter = join(directory, 'counter');
  const until = performance.now() + forMs;
  const counts = { acknowledged: 0, held: 0, unavailable: 0 };
  const section = async (): Promise<void> => {
    const id = randomUUID();
    journal.append('enter', id);
    const value = readNumber(counter);
    await pause(Math.random() < 0.5 ? 0 : Math.random() * 4);
    writeNumber(counter, value + 1);
    journal.append('leave', id);
  };
  const worker = async (): Promise<void> => {
    while (performance.now() < until) {
      try {
        await locks.using(name, { wait: until - performance.now() }, section);
        counts.acknowledged++;
      } catch (error) {
        if (error instanceof LockHeldError) counts.held++;
        else if (error instanceof LockUnavailableError) counts.unavailable++;
        else throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: workers }, worker));
  journal.close();
  return counts;
}

/**
 * So many accepted writes, each under the lock with its fencing token, whatever happens to the server meanwhile. A resource that has seen more
 * than it is sent, though nobody else has the lock, is answered with a larger token once.
 */
async function accumulate(locks: CacheLock, resource: ResourceClient, name: string, times: number) {
  const counts = { accepted: 0, refused: 0, unavailable: 0, lost: 0, repaired: 0 };
  while (counts.accepted < times) {
    try {
      await locks.using(name, { wait: 1_000 }, async (lease) => {
        const { value } = await resource.read(name);
        let written = await resource.write(name, lease.fencingToken, value + 1);
        if (!written.accepted && (await lease.renew())) {
          counts.repaired++;
          written = await resource.write(name, await lease.raiseFencingToken(written.max), written.value + 1);
        }
        if (written.accepted) counts.accepted++;
        else counts.refused++;
      });
    } catch (error) {
      if (error instanceof LeaseLostError) counts.lost++;
      else if (error instanceof LockUnavailableError) counts.unavailable++;
      else if (!(error instanceof LockHeldError || error instanceof StoreUnavailableError)) throw error;
    }
  }
  return counts;
}

function block(ms: number): boolean {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
  return true;
}

/** Resolves in the turn in which this process runs again after SIGSTOP: a microtask after the clock jumped, before any timer. */
async function untilPaused(): Promise<boolean> {
  const giveUpAt = performance.now() + 60_000;
  for (let last = performance.now(); last < giveUpAt;) {
    await new Promise((resolve) => setImmediate(resolve));
    const now = performance.now();
    if (now - last > 1_500) return true;
    last = now;
  }
  return false;
}
