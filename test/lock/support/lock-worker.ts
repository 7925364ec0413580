import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { CacheLock } from '../../../src/lock/cache-lock.js';
import type { Lease, LockProtections } from '../../../src/lock/lease.js';
import { LockHeldError, LockUnavailableError } from '../../../src/value/errors.js';
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
  readonly released: string;
}

serveWorker<LockWorkerData>(async ({ servers, ttlMs = 60_000, protections = {}, directory, resourcePort }) => {
  const open = await openLocks(servers, { ttl: ttlMs }, protections);
  const { locks } = open;
  const resource = resourcePort === undefined ? undefined : await ResourceClient.connect(resourcePort);
  let held: Lease | undefined;
  const holding = (): Lease => {
    if (!held) throw new Error('nothing is held');
    return held;
  };
  return {
    async acquire(name: string, renew = true, wait = 0) {
      const outcome = await locks.acquire(name, { renew, wait });
      if (outcome.status === 'acquired') held = outcome.lease;
      return { status: outcome.status, at: Date.now(), fencingToken: held?.fencingToken ?? 0 };
    },
    release: () => holding().release(),
    renew: () => holding().renew(),
    serialize: () => JSON.stringify(holding()),
    resumeAndRelease: (json: string) => locks.resume(json).release(),
    shutdown: (limitMs: number) => locks.shutdown(limitMs),
    contend: (name: string, workers: number, forMs: number) =>
      contend(locks, directory as string, name, workers, forMs),
    /** Reads, is away for as long as the event loop or the whole process is, then writes as if nothing had happened. */
    async readModifyWrite(name: string, blockMs: number): Promise<AfterPause> {
      const lease = holding();
      const { signal } = lease;
      const before = await resource?.read();
      const resumed = blockMs > 0 ? block(blockMs) : await untilPaused();
      if (!resumed) throw new Error('it was not paused');
      // One library call; what the signal says when it returns is what a careful section would go by.
      await locks.acquire(`${name}:other`);
      const abortedAfterNextCall = signal.aborted;
      const reason = (signal.reason as { reason?: string } | undefined)?.reason;
      const write = await resource?.write(lease.fencingToken, (before?.value ?? 0) + 1);
      return { abortedAfterNextCall, reason, write, released: await lease.release() };
    },
    async write(amount: number) {
      const { value = 0 } = (await resource?.read()) ?? {};
      return resource?.write(holding().fencingToken, value + amount);
    },
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
