import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { DocumentBackup } from '../../src/document/document-backup.js';
import { DocumentNames } from '../../src/document/document-names.js';
import { DocumentServer } from '../../src/document/document-server.js';
import type { RedisDocuments } from '../../src/document/redis-documents.js';
import { memoryObjectStore } from '../../src/object/memory-object-store.js';
import { ObjectStoreUnavailableError } from '../../src/object/object-errors.js';
import type { ObjectStore } from '../../src/object/object-store.js';
import type { RedisAccess } from '../../src/store/redis/redis-access.js';
import { systemClock } from '../../src/value/clock.js';
import type { RedisProcess } from '../support/redis-process.js';
import { openAccess } from '../store/redis/open-access.js';
import { bytesOf, documentsOn, keysIn, objectsWith, startDocumentServer, textIn } from './documents-on.js';
import { patience } from '../support/patience.js';

/** Gives a life to whatever stands there. */
class UnconditionalServer extends DocumentServer {
  override async release(id: string, _revision: string, lifeMs: number): Promise<boolean> {
    await this.ask('PEXPIRE', this.names.document(id), String(lifeMs));
    await this.ask('ZREM', this.names.dirty, id);
    return true;
  }
}

const ids = Array.from({ length: 60 }, (_, index) => `d${index}`);

describe('O6 a document that is written again between its upload and its release for eviction', () => {
  let server: RedisProcess;
  let access: RedisAccess;
  let objects: ObjectStore;
  const opened: RedisDocuments[] = [];
  const open = (store: ObjectStore): RedisDocuments => {
    const documents = documentsOn(server, store);
    opened.push(documents);
    return documents;
  };
  /** Fills the server with what may be evicted until much of what may be has been. */
  const press = async (): Promise<void> => {
    const bytes = randomBytes(50_000);
    const evicted = async (): Promise<number> => Number((await server.info('stats'))['evicted_keys']);
    const before = await evicted();
    for (let n = 0; (await evicted()) < before + 400; n++) {
      for (let one = 0; one < 20; one++) await server.command('SET', `fill:${n}:${one}`, bytes, 'PX', 3_600_000);
    }
  };
  /** Uploads each document, with a later revision written just before the release of the earlier one, which then is the object store's latest. */
  const race = async (Server: typeof DocumentServer): Promise<number> => {
    const away = objectsWith(objects, {
      put: () => Promise.reject(new ObjectStoreUnavailableError('objects', 'away')),
    });
    const writer = open(away);
    for (const id of ids) await writer.put(id, 'first');
    await writer.uploaded();
    const names = new DocumentNames('documents', 'documents/');
    const racing = new Server(names, Promise.resolve(access), () => Promise.resolve());
    const settings = { lifeMs: 3_600_000, uploadTimeoutMs: 5_000 };
    const store = objectsWith(objects, {
      put: async (key, ...rest) => {
        const written = await objects.put(key, ...rest);
        await writer.put(key.split('/')[1] as string, 'second');
        return written;
      },
    });
    const backup = new DocumentBackup(racing, store, systemClock, settings);
    for (const id of ids) await backup.upload(id);
    await writer.uploaded();
    await press();
    const reader = open(objects);
    let lost = 0;
    for (const id of ids) if ((await textIn(reader, id)) !== 'second') lost++;
    return lost;
  };

  beforeAll(async () => {
    server = await startDocumentServer('10mb');
    access = await openAccess('ioredis 5', { url: server.url, ...patience });
  });
  beforeEach(async () => {
    await server.command('FLUSHALL');
    objects = memoryObjectStore();
  });
  afterEach(() => Promise.all(opened.splice(0).map((documents) => documents.close())));
  afterAll(async () => {
    access.close();
    await server.stop();
  });

  it('is never lost', async () => {
    expect(await race(DocumentServer)).toBe(0);
    expect(await server.command('ZCARD', 'documents:dirty')).toBe(ids.length);
    await open(objects).sweep();
    expect(await server.command('ZCARD', 'documents:dirty')).toBe(0);
    // The earlier revisions have gone as well.
    expect(await keysIn(objects)).toHaveLength(ids.length);
  });

  it('is lost where the life is set whatever stands there (negative control)', async () => {
    expect(await race(UnconditionalServer)).toBeGreaterThan(0);
  });

  it('is never brought back to its earlier revision by a reader who has found that one in the object store', async () => {
    const documents = open(objects);
    await documents.put('d', 'first');
    await documents.uploaded();
    await server.command('DEL', 'documents:document:d');
    const slow = await documents.get('d');
    expect(slow?.where).toBe('objects');
    await documents.put('d', 'second');
    await documents.uploaded();
    // Evicted: nothing in Redis says that there was a later one, but for the floor.
    await server.command('DEL', 'documents:document:d');
    expect((await bytesOf(slow))?.toString()).toBe('first');
    expect(await server.command('EXISTS', 'documents:document:d')).toBe(0);
    expect(await textIn(documents, 'd')).toBe('second');

    await server.command('DEL', 'documents:document:d');
    const slower = await documents.get('d');
    await documents.delete('d');
    await bytesOf(slower).catch(() => {});
    expect(await documents.get('d')).toBeUndefined();
  });

  it('while it is read ends the reading, or goes on from the object store: bytes of two revisions never mix', async () => {
    const documents = open(objects);
    const [first, second] = [Buffer.alloc(1_500_000, 'a'), Buffer.alloc(1_500_000, 'b')];
    await documents.put('d', first);
    await documents.uploaded();
    const evicted = await documents.get('d');
    await server.command('DEL', 'documents:document:d');
    expect(evicted?.where).toBe('redis');
    expect((await bytesOf(evicted))?.equals(first)).toBe(true);

    await documents.put('d', first);
    await documents.uploaded();
    const replaced = await documents.get('d');
    expect(replaced?.where).toBe('redis');
    await documents.put('d', second);
    await documents.uploaded();
    await expect(bytesOf(replaced)).rejects.toMatchObject({ code: 'DOCUMENT_CHANGED' });
    expect((await bytesOf(await documents.get('d')))?.equals(second)).toBe(true);
  });

  it('and then past Redis is the later one, whichever ends last', async () => {
    const documents = open(objects);
    let arrive = (): void => {};
    const arrived = new Promise<void>((resolve) => (arrive = resolve));
    let ask = (): void => {};
    const asked = new Promise<void>((resolve) => (ask = resolve));
    const slow = documentsOn(
      server,
      objectsWith(objects, {
        put: async (...args) => {
          ask();
          await arrived;
          return objects.put(...args);
        },
      }),
      { maxBytes: 0 },
    );
    opened.push(slow);
    const past = slow.put('d', 'past Redis');
    await asked;
    await documents.put('d', 'later');
    await documents.uploaded();
    arrive();
    expect((await past).where).toBe('objects');
    expect(await textIn(documents, 'd')).toBe('later');
    await server.command('DEL', 'documents:document:d');
    expect(await textIn(documents, 'd')).toBe('later');
    expect(await keysIn(objects)).toHaveLength(1);
  });
});
