import { randomBytes } from 'node:crypto';
import { PassThrough } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { redisBackup } from '../../src/backup/redis-backup.js';
import type { RedisDocumentsOptions } from '../../src/document/document-options.js';
import type { RedisDocuments } from '../../src/document/redis-documents.js';
import { memoryObjectStore } from '../../src/object/memory-object-store.js';
import { ObjectStoreUnavailableError } from '../../src/object/object-errors.js';
import type { ObjectStore } from '../../src/object/object-store.js';
import { StoreUnavailableError } from '../../src/value/errors.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { eventually } from '../support/eventually.js';
import type { RedisProcess } from '../support/redis-process.js';
import { RedisWire } from '../support/redis-wire.js';
import { bytesOf, documentsOn, keysIn, objectsWith, startDocumentServer } from './documents-on.js';

type Mode = 'well' | 'refuses' | 'hangs' | 'cuts';

/** An object store that fails in one way or another. */
function failing(objects: ObjectStore, mode: () => Mode): ObjectStore {
  const unavailable = (): ObjectStoreUnavailableError => new ObjectStoreUnavailableError('objects', 'it is away');
  const fail = (signal: AbortSignal | undefined): Promise<never> => {
    if (mode() !== 'hangs') return Promise.reject(unavailable());
    // It doesn't look at a signal that was aborted before.
    return new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));
  };
  const never = (): Promise<never> => (mode() === 'hangs' ? new Promise(() => {}) : Promise.reject(unavailable()));
  return objectsWith(objects, {
    head: (key, options) => (mode() === 'well' ? objects.head(key, options) : never()),
    remove: (key, options) => (mode() === 'well' ? objects.remove(key, options) : never()),
    list: async function* (prefix, options) {
      if (mode() !== 'well') await never();
      yield* objects.list(prefix, options);
    },
    put: async (key, body, options) => {
      if (mode() === 'well') return objects.put(key, body, options);
      if (mode() !== 'cuts') return fail(options?.signal);
      // The connection ends in the middle of the first piece.
      const half = async function* (): AsyncGenerator<Uint8Array> {
        for await (const piece of body as AsyncIterable<Uint8Array>) {
          yield piece.subarray(0, piece.length / 2);
          throw unavailable();
        }
      };
      return objects.put(key, half(), options);
    },
  });
}

describe('O6 the object store is away for an hour', () => {
  let server: RedisProcess;
  beforeAll(async () => void (server = await startDocumentServer('40mb')));
  afterAll(() => server.stop());

  it('documents are taken until the budget is reached, then refused, and all that were taken are backed up afterwards', async () => {
    let mode: Mode = 'well';
    const stored = memoryObjectStore();
    const clock = new FakeClock();
    const documents = documentsOn(
      server,
      failing(stored, () => mode),
      {
        clock,
        // The connection waits on the same clock, whose minutes pass while commands are on their way.
        connection: { url: server.url, connectTimeout: '2h', commandTimeout: '2h' },
        dirtyBudget: '4mb',
        uploadTimeout: '10m',
        sweepEvery: '1m',
      },
    );
    const acknowledged = new Map<string, Buffer>();
    let refused = 0;
    const put = async (id: string): Promise<void> => {
      const bytes = randomBytes(150_000);
      try {
        // Whoever waits for a request does so for so long.
        await documents.put(id, bytes, { signal: AbortSignal.timeout(100) });
        acknowledged.set(id, bytes);
      } catch (error) {
        if (!(error instanceof ObjectStoreUnavailableError) && (error as Error).name !== 'TimeoutError') throw error;
        refused++;
      }
    };
    /** A minute passes, also for what waits in Redis: its times are the server's. */
    const minute = async (): Promise<void> => {
      for (const id of (await server.command('ZRANGE', 'documents:dirty', 0, -1)) as Buffer[]) {
        await server.command('ZINCRBY', 'documents:dirty', -60e6, id);
      }
      await clock.advance('1m');
    };
    for (let n = 0; n < 5; n++) await put(`before:${n}`);
    await documents.uploaded();
    expect((await documents.status()).dirty).toMatchObject({ documents: 0, bytes: 0, oldestMs: 0 });

    for (let passed = 0; passed < 60; passed++) {
      mode = passed < 20 ? 'refuses' : passed < 40 ? 'hangs' : 'cuts';
      await put(passed % 10 === 9 ? 'before:0' : `during:${passed}`);
      await minute();
    }
    const { dirty, lastFailure, uploads } = await documents.status();
    expect(dirty.bytes).toBeLessThanOrEqual(dirty.budgetBytes);
    expect(dirty.bytes).toBeGreaterThan(dirty.budgetBytes * 0.9);
    expect(dirty.oldestMs).toBeGreaterThanOrEqual(59 * 60_000);
    expect([lastFailure, uploads.failed]).toEqual([expect.stringMatching(/away/), expect.any(Number)]);
    expect(uploads.failed).toBeGreaterThan(20);
    expect(refused).toBeGreaterThan(20);
    expect(acknowledged.size).toBeGreaterThan(25);
    const assertAllThere = async (): Promise<void> => {
      for (const [id, bytes] of acknowledged) {
        expect([id, (await bytesOf(await documents.get(id)))?.equals(bytes)]).toEqual([id, true]);
      }
    };
    await assertAllThere();

    mode = 'well';
    await eventually(async () => {
      await minute();
      expect((await documents.status()).dirty).toMatchObject({ documents: 0, bytes: 0, oldestMs: 0 });
    });
    expect((await documents.status()).lastFailure).toBeUndefined();
    // All of it may be evicted now, and is.
    const keys = (await server.command('KEYS', 'documents:document:*')) as Buffer[];
    for (const key of keys) {
      expect([key.toString(), Number(await server.command('PTTL', key)) > 0]).toEqual([key.toString(), true]);
    }
    await server.command('DEL', ...keys);
    await assertAllThere();
    expect(await keysIn(stored)).toHaveLength(acknowledged.size);
    await documents.close();
  });
});

describe('An object store that hangs when objects are to be removed', () => {
  let server: RedisProcess;
  beforeAll(async () => void (server = await startDocumentServer()));
  afterAll(() => server.stop());

  it.each<[string, Partial<RedisDocumentsOptions>, number, (documents: RedisDocuments) => Promise<unknown>]>([
    ['a deletion', {}, 1, (documents) => documents.delete('d')],
    ['a write past Redis', { maxBytes: 0 }, 2, (documents) => documents.put('d', 'later')],
  ])('is not waited for as long as an upload by %s, which Redis has acknowledged', async (_, options, from, act) => {
    const objects = memoryObjectStore();
    let lists = 0;
    const list: ObjectStore['list'] = async function* (...args) {
      if (++lists >= from) await new Promise(() => {});
      yield* objects.list(...args);
    };
    const clock = new FakeClock();
    const connection = { url: server.url, connectTimeout: '2h', commandTimeout: '2h' } as const;
    const given = { clock, connection, uploadTimeout: '10m', ...options } as const;
    const documents = documentsOn(server, objectsWith(objects, { list }), given);
    const acted = act(documents);
    await eventually(async () => expect(lists).toBe(from));
    await clock.advance('5s');
    await acted;
    await documents.close();
  });
});

describe('What can not be evicted', () => {
  let server: RedisProcess;
  beforeAll(async () => void (server = await startDocumentServer()));
  afterAll(() => server.stop());

  it('is counted anew by a thorough sweep after a restore, also where that was taken while others were written', async () => {
    let mode: Mode = 'well';
    const objects = failing(memoryObjectStore(), () => mode);
    const documents = documentsOn(server, objects);
    const backup = redisBackup({ connection: { url: server.url } });
    await documents.put('d', 'text');
    await documents.uploaded();
    const body = new PassThrough();
    const bytes = buffer(body);
    await backup.take(body);
    body.end();
    mode = 'refuses';
    await documents.put('e', randomBytes(1_000_000));
    await documents.uploaded();
    const restored = async function* (): AsyncGenerator<Buffer> {
      yield await bytes;
    };
    await backup.restore(restored, { replace: true });
    await expect(documents.sweep({ thorough: true })).rejects.toThrow('away');
    expect((await documents.status()).dirty).toMatchObject({ documents: 1, bytes: 1_000_052 });
    // What a backup may bring that was taken meanwhile: a sum with a document that came in, sizes of documents that were backed up or written again.
    await server.command('HINCRBY', 'documents:state', 'bytes', 5_000);
    await server.command('HSET', 'documents:sizes', 'd', 1_000, 'e', 7);
    await expect(documents.sweep({ thorough: true })).rejects.toThrow('away');
    expect((await documents.status()).dirty).toMatchObject({ documents: 1, bytes: 1_000_052 });
    mode = 'well';
    await documents.sweep({ thorough: true });
    expect((await documents.status()).dirty).toMatchObject({ documents: 0, bytes: 0 });
    expect(await server.command('EXISTS', 'documents:sizes')).toBe(0);
    await Promise.all([documents.close(), backup.close()]);
  });

  it('is counted with what comes in', async () => {
    const documents = documentsOn(server, memoryObjectStore());
    const source = new PassThrough();
    const written = documents.put('incoming', source);
    source.write(randomBytes(1_200_000));
    await eventually(async () => expect((await documents.status()).dirty.bytes).toBeGreaterThan(500_000));
    const { bytes } = (await documents.status()).dirty;
    await server.command('HSET', 'documents:state', 'bytes', 0);
    await documents.sweep({ thorough: true });
    expect((await documents.status()).dirty.bytes).toBe(bytes);
    source.end();
    await written;
    await documents.uploaded();
    expect((await documents.status()).dirty.bytes).toBe(0);
    await documents.close();
  });
});

describe('A server that runs a script of somebody else for too long', () => {
  let server: RedisProcess;
  beforeAll(async () => void (server = await startDocumentServer()));
  afterAll(() => server.stop());

  it('is unavailable to all that documents ask of it', async () => {
    const documents = documentsOn(server, memoryObjectStore());
    await documents.open();
    await server.command('CONFIG', 'SET', 'busy-reply-threshold', 1);
    const somebodyElse = new RedisWire(server.port);
    const script = somebodyElse.command('EVAL', 'while true do end', 0).catch((error: unknown) => error);
    await eventually(() => expect(server.command('PING')).rejects.toThrow(/BUSY/));
    const asked = await Promise.allSettled([
      documents.status(),
      documents.get('d'),
      documents.put('d', 'text'),
      documents.delete('d'),
      documents.sweep(),
    ]);
    await server.command('SCRIPT', 'KILL');
    await script;
    somebodyElse.close();
    for (const each of asked) {
      expect(each).toMatchObject({ status: 'rejected', reason: expect.any(StoreUnavailableError) as unknown });
    }
    expect((await documents.status()).dirty.documents).toBe(0);
    await documents.close();
  });
});
