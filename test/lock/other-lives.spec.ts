import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { expectInQuiet } from '../support/in-quiet.js';
import type { WorkerProcess } from '../support/worker-process.js';
import { lockServerNames, startLockServer } from './support/lock-server.js';
import type { LockServer } from './support/lock-server.js';
import { LockProcesses } from './support/start-lock-workers.js';

const ttlMs = 3_000;

let server: LockServer;
const processes = new LockProcesses();
const startWorker = (ofMs = ttlMs): Promise<WorkerProcess> =>
  processes.worker({ servers: server.address, ttlMs: ofMs });

afterEach(async () => {
  await processes.stop();
  await server.stop();
});

describe.each(lockServerNames)('on %s', (serverName) => {
  beforeEach(async () => {
    server = await startLockServer[serverName]();
  });

  it('L11 the lock of a killed holder goes to the next waiter when its life is over', async () => {
    const [holder, waiter] = await Promise.all([startWorker(), startWorker()]);
    const held = await holder.call<{ askedAt: number; at: number }>('acquire', 'a', false);
    const next = waiter.call<{ status: string; at: number }>('acquire', 'a', true, 3 * ttlMs);
    await holder.kill();
    const { status, at } = await next;
    expect(status).toBe('acquired');
    expect(at - held.askedAt).toBeGreaterThanOrEqual(ttlMs - 1_000 - 50);
    // memcached counts whole seconds, and may be three of them late.
    expectInQuiet(at - held.at, ttlMs + 3 * server.resolutionMs + 250 + 300);
  });

  it('L15 a lease written down is released by the next life of its process', async () => {
    const [first, second, other] = await Promise.all([startWorker(60_000), startWorker(60_000), startWorker(60_000)]);
    expect(await first.call('acquire', 'a')).toMatchObject({ status: 'acquired' });
    const a = await first.call<string>('serialize', 'a');
    // It ends by itself, in order: serialized leases outlive it.
    expect(await first.stop()).toBe('0');
    expect(await other.call('acquire', 'a')).toMatchObject({ status: 'held' });
    expect(await second.call('resumeAndRelease', a)).toBe('released');
    expect(await other.call('acquire', 'a')).toMatchObject({ status: 'acquired' });
    expect(await second.call('resumeAndRelease', a)).toBe('lost');
    expect(await other.call('renew', 'a')).toBe(true);
  });

  it('L15 and by nobody once another has the lock', async () => {
    const [first, second, other] = await Promise.all([startWorker(), startWorker(), startWorker(60_000)]);
    expect(await first.call('acquire', 'b')).toMatchObject({ status: 'acquired' });
    const b = await first.call<string>('serialize', 'b');
    expect(await first.stop()).toBe('0');
    expect(await other.call('acquire', 'b', true, 60_000)).toMatchObject({ status: 'acquired' });
    expect(await second.call('resumeAndRelease', b)).toBe('lost');
    expect(await other.call('renew', 'b')).toBe(true);
  });
});
