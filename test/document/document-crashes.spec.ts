import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { folderObjectStore } from '../../src/object/folder-object-store.js';
import type { ObjectStore } from '../../src/object/object-store.js';
import type { RedisDocuments } from '../../src/document/redis-documents.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { eventually } from '../support/eventually.js';
import type { RedisProcess } from '../support/redis-process.js';
import { startWorker } from '../support/worker-process.js';
import type { DeathAt, DocumentWorkerData } from './document-worker.js';
import { bytesOf, documentsOn, keysIn, objectsWith, startDocumentServer, textIn } from './documents-on.js';

/** A few of them in each run of all tests: each takes a process. */
const allSteps = ['before upload', 'in upload', 'after upload', 'before prune', 'in prune'] as const;

describe('O6 a process that is killed while it has documents on their way', () => {
  let server: RedisProcess;
  let directory: string;
  let survivor: RedisDocuments;
  /** Takes what is on its way for lost after a moment, where others wait for minutes. */
  let hasty: RedisDocuments;

  beforeAll(async () => void (server = await startDocumentServer()));
  afterAll(() => server.stop());
  beforeEach(async () => {
    await server.command('FLUSHALL');
    directory = mkdtempSync(join(tmpdir(), 'documents-'));
    survivor = documentsOn(server, folderObjectStore({ directory }));
    hasty = documentsOn(server, folderObjectStore({ directory }), { uploadTimeout: '200ms' });
  });
  afterEach(async () => {
    await Promise.all([survivor.close(), hasty.close()]);
    rmSync(directory, { recursive: true, force: true });
  });

  const withWorker = async (
    deathAt: DeathAt,
    run: (call: (method: string, ...args: unknown[]) => Promise<unknown>) => Promise<unknown>,
  ): Promise<void> => {
    const data: DocumentWorkerData = { url: server.url, directory, deathAt };
    const worker = await startWorker(new URL('./document-worker.ts', import.meta.url), data);
    try {
      await expect(run((method, ...args) => worker.call(method, ...args))).rejects.toThrow('SIGKILL');
    } finally {
      await worker.kill();
    }
  };
  const isPinned = async (id: string): Promise<boolean> =>
    (await server.command('PTTL', `documents:document:${id}`)) === -1;
  /** Evicted, as it may be at any moment. */
  const evict = async (id: string): Promise<void> => {
    if (Number(await server.command('PTTL', `documents:document:${id}`)) > 0) {
      await server.command('DEL', `documents:document:${id}`);
    }
  };

  it('loses nothing that was acknowledged, whatever the step: a sweep of another backs it up', async () => {
    const steps = process.env['ENDURANCE'] ? allSteps : (['in upload', 'after upload'] as const);
    for (const step of steps) await survivor.put(step, 'earlier');
    await survivor.uploaded();
    const kill = (step: DeathAt): Promise<void> =>
      withWorker(step, async (call) => {
        await call('put', step, 'acknowledged');
        await call('uploaded');
      });
    await Promise.all(steps.map(kill));
    for (const step of steps) {
      await evict(step);
      expect([step, await textIn(survivor, step)]).toEqual([step, 'acknowledged']);
      // It is released when the earlier revisions have gone, and not before.
      expect([step, (await survivor.status()).dirty.documents]).toEqual([step, steps.length]);
    }
    expect(await survivor.sweep()).toMatchObject({ uploaded: steps.length, failed: 0 });
    for (const step of steps) {
      expect([step, await isPinned(step)]).toEqual([step, false]);
      await evict(step);
      expect([step, await textIn(survivor, step)]).toEqual([step, 'acknowledged']);
      const objects = await keysIn(folderObjectStore({ directory }), `documents/${step}/`);
      expect([step, objects.length]).toEqual([step, 1]);
    }
  });

  it('while one comes in leaves the earlier one, and its half is swept', async () => {
    await survivor.put('d', 'earlier');
    await withWorker('incoming', (call) => call('putHalf', 'd'));
    expect(await textIn(survivor, 'd')).toBe('earlier');
    expect(await server.command('ZCARD', 'documents:staged')).toBe(1);
    await eventually(async () => expect((await hasty.sweep()).unfinished).toBe(1));
    expect(await server.command('KEYS', 'documents:stage:*')).toEqual([]);
    await survivor.uploaded();
    expect((await survivor.status()).dirty).toMatchObject({ documents: 0, bytes: 0 });
  });

  it('between the upload of one past Redis and its acknowledgement leaves one of the two, for all readers the same in the end', async () => {
    await survivor.put('d', 'acknowledged');
    await survivor.uploaded();
    await withWorker('after past', (call) => call('put', 'd', 'unknown'));
    expect(await textIn(survivor, 'd')).toBe('acknowledged');
    await evict('d');
    expect(await textIn(survivor, 'd')).toBe('unknown');
    await survivor.put('d', 'next');
    await survivor.uploaded();
    await evict('d');
    expect(await textIn(survivor, 'd')).toBe('next');
    expect(await keysIn(folderObjectStore({ directory }))).toHaveLength(1);
  });

  it('while a late upload of a deleted document was on its way does not bring that back', async () => {
    await withWorker('before upload', async (call) => {
      await call('put', 'd', 'deleted');
      await call('uploaded');
    });
    const revision = (await server.text('GETRANGE', 'documents:document:d', 4, 19)).toString();
    await survivor.delete('d');
    // What the killed process had sent arrives only now.
    await folderObjectStore({ directory }).put(`documents/d/${revision}`, 'deleted');
    expect(await survivor.get('d')).toBeUndefined();
    await eventually(async () => {
      expect(await hasty.sweep()).toMatchObject({ removed: 0, failed: 0 });
      expect(await keysIn(folderObjectStore({ directory }))).toEqual([]);
    });
    expect(await survivor.get('d')).toBeUndefined();
    expect((await survivor.status()).removed).toBe(1);
    const forgetful = documentsOn(server, folderObjectStore({ directory }), { uploadTimeout: '200ms' }, 0);
    try {
      expect((await forgetful.sweep()).removed).toBe(1);
    } finally {
      await forgetful.close();
    }
    expect(await survivor.get('d')).toBeUndefined();
    expect((await survivor.status()).removed).toBe(0);
  });

  it.each([
    ['does not bring a deleted document back', undefined],
    ['(−) brings it back where its deletion is forgotten after two uploads', 0],
  ])('while the machine of its uploader was suspended %s', async (_, removedForMs) => {
    const objects = folderObjectStore({ directory });
    let arrive = (): void => {};
    const arrived = new Promise<void>((resolve) => (arrive = resolve));
    let send = (): void => {};
    const sent = new Promise<void>((resolve) => (send = resolve));
    const put: ObjectStore['put'] = async (key, body, options) => {
      const chunks: Buffer[] = [];
      for await (const chunk of body as AsyncIterable<Buffer>) chunks.push(chunk);
      send();
      await arrived;
      return objects.put(key, Buffer.concat(chunks), options);
    };
    // Its timers stand still.
    const clock = new FakeClock();
    const suspended = documentsOn(server, objectsWith(objects, { put }), { clock, uploadTimeout: '200ms' });
    const sweeping = documentsOn(server, objects, { uploadTimeout: '200ms' }, removedForMs);
    try {
      await suspended.put('d', 'x');
      await sent;
      await hasty.delete('d');
      const deletedAt = Number(await server.text('ZSCORE', 'documents:removed', 'd'));
      await eventually(async () => {
        await sweeping.sweep();
        const [seconds, micros] = (await server.command('TIME')) as readonly Buffer[];
        expect(Number(seconds) * 1_000_000 + Number(micros) - deletedAt).toBeGreaterThan(500_000);
      });
      await sweeping.sweep();
      arrive();
      await suspended.uploaded();
      const found = await hasty.get('d');
      expect(String(await bytesOf(found))).toBe(removedForMs === 0 ? 'x' : 'undefined');
    } finally {
      await Promise.all([suspended.close(), sweeping.close()]);
    }
  });

  it('is followed by others that sweep by themselves, one of them at a time', async () => {
    await withWorker('before upload', async (call) => {
      await call('put', 'd', 'acknowledged');
      await call('uploaded');
    });
    // As if it had waited for longer than a process's own turn.
    await server.command('ZADD', 'documents:dirty', 1, 'd');
    const others = [1, 2].map(() => documentsOn(server, folderObjectStore({ directory }), { sweepEvery: 50 }));
    try {
      await eventually(async () => expect(await isPinned('d')).toBe(false));
      await server.command('SET', 'documents:document:restored', `tcd1${'1'.repeat(16)}${' '.repeat(32)}`);
      expect((await survivor.sweep({ thorough: true })).adopted).toBe(1);
    } finally {
      await Promise.all(others.map((documents) => documents.close()));
    }
  });

  it('and a Redis that is restarted from its append-only file loses nothing that was acknowledged', async () => {
    const documents = Array.from({ length: 20 }, (_, n) => `r${n}`);
    await server.command('CONFIG', 'SET', 'appendfsync', 'always');
    const closing = documentsOn(server, folderObjectStore({ directory }));
    for (const id of documents) await closing.put(id, `text of ${id}`);
    await closing.close();
    await server.restart();
    await eventually(async () => expect(await textIn(survivor, 'r0')).toBe('text of r0'));
    await survivor.sweep();
    expect((await survivor.status()).dirty).toMatchObject({ documents: 0, bytes: 0 });
    for (const id of documents) {
      await evict(id);
      expect(await textIn(survivor, id)).toBe(`text of ${id}`);
    }
  });
});
