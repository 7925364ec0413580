import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { PassThrough, Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { redisBackup } from '../../src/backup/redis-backup.js';
import { redisDocuments } from '../../src/document/redis-documents.js';
import type { RedisDocuments } from '../../src/document/redis-documents.js';
import type { RedisDocumentsOptions } from '../../src/document/document-options.js';
import { memoryObjectStore } from '../../src/object/memory-object-store.js';
import type { ObjectStore } from '../../src/object/object-store.js';
import { ObjectSizeError, ObjectStoreUnavailableError } from '../../src/object/object-errors.js';
import { onCacheEvent } from '../../src/value/events.js';
import {
  InvalidDurationError,
  InvalidKeyError,
  InvalidOptionError,
  StoreUnavailableError,
} from '../../src/value/errors.js';
import { eventually } from '../support/eventually.js';
import type { RedisProcess } from '../support/redis-process.js';
import { bytesOf, documentsOn, keysIn, objectsWith, startDocumentServer, textIn } from './documents-on.js';
import { patience } from '../support/patience.js';

const megabyte = 2 ** 20;

describe('Documents', () => {
  let server: RedisProcess;
  let objects: ObjectStore;
  const opened: { close(): Promise<unknown> }[] = [];
  const open = (
    options: Partial<RedisDocumentsOptions> = {},
    store = objects,
    removedForMs?: number,
  ): RedisDocuments => {
    const documents = documentsOn(server, store, options, removedForMs);
    opened.push(documents);
    return documents;
  };
  /** An object store that takes nothing. */
  const away = (): ObjectStore =>
    objectsWith(objects, { put: () => Promise.reject(new ObjectStoreUnavailableError('objects', 'away')) });
  const key = (id: string): string => `documents:document:${id}`;
  const pinnedBytes = async (): Promise<number> => Number(await server.command('HGET', 'documents:state', 'bytes'));

  beforeAll(async () => void (server = await startDocumentServer('24mb')));
  beforeEach(async () => {
    await server.command('FLUSHALL');
    objects = memoryObjectStore();
  });
  afterEach(() => Promise.all(opened.splice(0).map((documents) => documents.close())));
  afterAll(() => server.stop());

  it('refuse misspelt options', async () => {
    const documents = open();
    await expect(documents.put('d1', 'hello', { sise: 5 } as object)).rejects.toThrow('Did you mean size?');
    await expect(documents.get('d1', { sgnal: undefined } as object)).rejects.toThrow('Did you mean signal?');
    await expect(documents.sweep({ thorugh: true } as object)).rejects.toThrow('Did you mean thorough?');
    expect(await documents.get('d1')).toBeUndefined();
  });

  it('are in Redis at once, without a life until they are backed up, and then with one', async () => {
    const documents = open({}, away());
    const { revision, size, where } = await documents.put('d1', 'hello');
    expect([size, where]).toEqual([5, 'redis']);
    await documents.uploaded();
    expect(await server.command('PTTL', key('d1'))).toBe(-1);
    expect(await textIn(documents, 'd1')).toBe('hello');
    expect(await documents.status()).toMatchObject({
      dirty: { documents: 1, bytes: 57, budgetBytes: 6 * megabyte },
      uploads: { running: 0, done: 0, failed: 1 },
      lastFailure: expect.stringContaining('away') as unknown,
      server: { evictionPolicy: 'volatile-lru', isAppendOnly: true },
    });

    const later = open();
    expect(await later.sweep()).toEqual({ uploaded: 1, failed: 0, removed: 0, unfinished: 0, adopted: 0, dropped: 0 });
    expect(Number(await server.command('PTTL', key('d1')))).toBeGreaterThan(29 * 86_400_000);
    expect(await keysIn(objects)).toEqual([`documents/d1/${revision}`]);
    expect((await later.status()).dirty).toMatchObject({ documents: 0, bytes: 0, oldestMs: 0 });
  });

  it.each(['built-in', 'redis', 'ioredis'] as const)(
    'come in and go out in chunks, whatever the pieces, through %s',
    async (driver) => {
      const documents = open({
        connection: { url: server.url, driver, ...patience },
      });
      for (const size of [0, 1, 512 * 1024 - 1, 512 * 1024, 512 * 1024 + 1, 3 * megabyte + 7]) {
        const bytes = randomBytes(size);
        const pieces: Buffer[] = [];
        for (let at = 0; at < size; at += 99_991) pieces.push(bytes.subarray(at, at + 99_991));
        const written = await documents.put(`s${size}`, Readable.from(pieces, { objectMode: false }), { size });
        expect(written).toMatchObject({ size, where: 'redis' });
        const found = await documents.get(`s${size}`);
        expect([found?.where, found?.size, found?.revision]).toEqual(['redis', size, written.revision]);
        expect((await bytesOf(found))?.equals(bytes)).toBe(true);
      }
      await documents.uploaded();
      await server.command('FLUSHALL');
      expect((await bytesOf(await documents.get(`s${3 * megabyte + 7}`)))?.length).toBe(3 * megabyte + 7);
    },
  );

  it('are read from the object store once they were evicted, and are in Redis again afterwards', async () => {
    const documents = open();
    const bytes = randomBytes(megabyte + 5);
    for (const [id, content] of [
      ['large', bytes],
      ['empty', Buffer.alloc(0)],
    ] as const) {
      const { revision } = await documents.put(id, content);
      await documents.uploaded();
      await server.command('DEL', key(id));
      const found = await documents.get(id);
      expect([found?.where, found?.revision, found?.size]).toEqual(['objects', revision, content.length]);
      expect((await bytesOf(found))?.equals(content)).toBe(true);
      const again = await documents.get(id);
      expect([again?.where, again?.revision]).toEqual(['redis', revision]);
      expect((await bytesOf(again))?.equals(content)).toBe(true);
      expect(Number(await server.command('PTTL', key(id)))).toBeGreaterThan(0);
    }
    expect(await pinnedBytes()).toBe(0);
    expect(await documents.get('none')).toBeUndefined();
  });

  it('that were deleted or replaced while somebody read them from the object store stay so, however slowly that reads', async () => {
    const documents = open({ uploadTimeout: 500 }, objects, 0);
    await documents.put('deleted', 'x');
    await documents.put('replaced', 'x');
    await documents.uploaded();
    await server.command('DEL', key('deleted'), key('replaced'));
    const read = [await documents.get('deleted'), await documents.get('replaced')];
    await documents.delete('deleted');
    await documents.put('replaced', 'y');
    await documents.uploaded();
    await server.command('DEL', key('replaced'));
    // The marks of both have gone once their time is over.
    await eventually(async () => {
      await documents.sweep();
      expect(await server.command('ZCARD', 'documents:removed')).toBe(0);
      expect(await server.command('EXISTS', 'documents:floors', 'documents:floors:earlier')).toBe(0);
    });
    for (const opened of read) expect(String(await bytesOf(opened))).toBe('x');
    expect(await server.command('EXISTS', key('deleted'), key('replaced'))).toBe(0);
    expect(await textIn(documents, 'deleted')).toBeUndefined();
    expect(await textIn(documents, 'replaced')).toBe('y');
  });

  it('that were replaced past Redis stay so, however long that took, while somebody read the earlier one', async () => {
    const documents = open({ uploadTimeout: 500 });
    await documents.put('d', 'x');
    await documents.uploaded();
    await server.command('DEL', key('d'));
    let release = (): void => {};
    const isReleased = new Promise<void>((resolve) => (release = resolve));
    const put: ObjectStore['put'] = async (...args) => {
      await isReleased;
      return objects.put(...args);
    };
    const replaced = open({ maxBytes: 0, uploadTimeout: 500 }, objectsWith(objects, { put })).put('d', 'y');
    const clock = async (): Promise<number> => {
      const [seconds, micros] = (await server.command('TIME')) as readonly Buffer[];
      return Number(seconds) * 1_000_000 + Number(micros);
    };
    const begun = await clock();
    await eventually(async () => expect((await clock()) - begun).toBeGreaterThan(2_000_000));
    const earlier = await documents.get('d');
    release();
    await replaced;
    await documents.sweep();
    expect(String(await bytesOf(earlier))).toBe('x');
    expect(await textIn(documents, 'd')).toBe('y');
  });

  it('that are earlier in Redis than in the object store, as on a replica that took over, are dropped by a thorough sweep', async () => {
    const documents = open();
    await documents.put('d', 'earlier');
    await documents.put('other', 'the only one');
    await documents.uploaded();
    const earlier = (await server.command('DUMP', key('d'))) as Buffer;
    await documents.put('d', 'later');
    await documents.uploaded();
    await server.command('RESTORE', key('d'), 60_000, earlier, 'REPLACE');
    expect((await documents.sweep()).dropped).toBe(0);
    expect(await textIn(documents, 'd')).toBe('earlier');
    expect((await documents.sweep({ thorough: true })).dropped).toBe(1);
    expect(await textIn(documents, 'd')).toBe('later');
    expect(await textIn(documents, 'other')).toBe('the only one');
    expect((await documents.sweep({ thorough: true })).dropped).toBe(0);
  });

  describe('on a server that took over from one whose clock was an hour ahead', () => {
    const drawnAhead = `${(Date.now() + 3_600_000) * 1_000}`;
    beforeEach(async () => {
      // The other server's last write; this one has never heard of it.
      await objects.put(`documents/d/${drawnAhead}`, 'earlier');
    });

    it.each<[string, Partial<RedisDocumentsOptions>]>([
      ['through Redis', {}],
      ['past Redis', { maxBytes: 0 }],
    ])('are the later ones when they are written %s', async (_, options) => {
      const documents = open(options);
      expect(await textIn(documents, 'd')).toBe('earlier');
      await documents.put('d', 'later');
      expect(await textIn(documents, 'd')).toBe('later');
      await documents.uploaded();
      expect(await textIn(documents, 'd')).toBe('later');
      await server.command('DEL', key('d'));
      const found = await documents.get('d');
      expect([found?.where, (found?.revision ?? '') > drawnAhead]).toEqual(['objects', true]);
      expect(String(await bytesOf(found))).toBe('later');
      expect(await keysIn(objects)).toEqual([`documents/d/${found?.revision}`]);
      expect(await pinnedBytes()).toBe(0);
      await documents.put('d', 'the latest');
      await documents.uploaded();
      await server.command('DEL', key('d'));
      expect(await textIn(documents, 'd')).toBe('the latest');
    });

    it('are not dropped by a sweep that comes before their backup, and are backed up by the next', async () => {
      const documents = open({}, away());
      await documents.put('d', 'later');
      await documents.uploaded();
      expect(await documents.sweep({ thorough: true })).toMatchObject({ failed: 1, dropped: 0 });
      expect(await textIn(documents, 'd')).toBe('later');
      expect(await open().sweep({ thorough: true })).toMatchObject({ uploaded: 1, failed: 0, dropped: 0 });
      await server.command('DEL', key('d'));
      expect(await textIn(documents, 'd')).toBe('later');
    });

    it('stay deleted, and their objects go, also where the object store was away at that moment', async () => {
      const list = (): never => {
        throw new ObjectStoreUnavailableError('objects', 'away');
      };
      const lame = open({}, objectsWith(objects, { list }));
      await lame.delete('d');
      expect(await textIn(lame, 'd')).toBeUndefined();
      const documents = open();
      expect(await textIn(documents, 'd')).toBeUndefined();
      expect(await keysIn(objects)).toHaveLength(1);
      await documents.delete('d');
      expect(await textIn(documents, 'd')).toBeUndefined();
      expect(await keysIn(objects)).toEqual([]);
    });

    it('that came from there, and were not written here, give way to the later object', async () => {
      const documents = open({}, away());
      await documents.put('d', 'replicated, and older than the object');
      await documents.uploaded();
      await server.command('HSET', 'documents:written', 'd', 'another server');
      await open().sweep({ thorough: true });
      expect(await textIn(documents, 'd')).toBe('earlier');
    });
  });

  describe('over which a backup is restored', () => {
    /** Takes a backup. @returns what restores it. */
    const taken = async (): Promise<() => Promise<unknown>> => {
      const backup = redisBackup({ connection: { url: server.url } });
      opened.push(backup);
      const body = new PassThrough();
      const bytes = buffer(body);
      await backup.take(body);
      body.end();
      return () =>
        backup.restore(
          async function* () {
            yield await bytes;
          },
          { replace: true },
        );
    };

    it.each(['in one piece', 'as a table'])(
      'and that were written again since they were deleted are read from the object store, with notes kept %s',
      async (how) => {
        await server.command('CONFIG', 'SET', 'hash-max-listpack-value', how === 'in one piece' ? 1_000 : 64);
        const documents = open();
        await documents.put('d', 'one');
        await documents.uploaded();
        await documents.delete('d');
        const restore = await taken();
        await documents.put('d', 'two');
        await documents.uploaded();
        await restore();
        await server.command('UNLINK', key('d'));
        expect(await textIn(documents, 'd')).toBe('two');
      },
    );

    it('and that were deleted meanwhile are documents again, and are backed up', async () => {
      const lame = open({}, away());
      await lame.put('d', 'one');
      await lame.uploaded();
      const restore = await taken();
      const documents = open();
      await documents.delete('d');
      await restore();
      expect(await textIn(documents, 'd')).toBe('one');
      expect(await documents.sweep()).toMatchObject({ uploaded: 1, failed: 0 });
      await server.command('UNLINK', key('d'));
      expect(await textIn(documents, 'd')).toBe('one');
      await documents.delete('d');
      expect(await textIn(documents, 'd')).toBeUndefined();
      expect(await keysIn(objects)).toEqual([]);
    });

    it('and that the object store has a later revision of are dropped by a thorough sweep', async () => {
      const lame = open({}, away());
      await lame.put('d', 'one');
      await lame.uploaded();
      const restore = await taken();
      const documents = open();
      await documents.sweep();
      const { revision } = await documents.put('d', 'two');
      await documents.uploaded();
      await restore();
      expect(await textIn(documents, 'd')).toBe('one');
      await documents.sweep({ thorough: true });
      expect(await textIn(documents, 'd')).toBe('two');
      expect(await keysIn(objects)).toEqual([`documents/d/${revision}`]);
    });
  });

  it('go to the object store where they are too large, with their size said or found out, and the earlier copy goes', async () => {
    const documents = open({ maxBytes: 2 * megabyte });
    for (const options of [{}, { size: 3 * megabyte }]) {
      await documents.put('d', 'small');
      const bytes = randomBytes(3 * megabyte);
      const written = await documents.put('d', Readable.from([bytes], { objectMode: false }), options);
      expect(written).toMatchObject({ where: 'objects', size: 3 * megabyte });
      await documents.uploaded();
      expect(await server.command('EXISTS', key('d'))).toBe(0);
      expect((await bytesOf(await documents.get('d')))?.equals(bytes)).toBe(true);
      expect(await keysIn(objects)).toEqual([`documents/d/${written.revision}`]);
    }
    expect(await pinnedBytes()).toBe(0);
    expect(await server.command('ZCARD', 'documents:staged')).toBe(0);
  });

  it('go to the object store where too much waits for its backup', async () => {
    let isAway = true;
    const store = objectsWith(objects, {
      put: (...args) =>
        isAway ? Promise.reject(new ObjectStoreUnavailableError('objects', 'away')) : objects.put(...args),
    });
    const documents = open({ dirtyBudget: '2mb' }, store);
    const bytes = randomBytes(400_000);
    for (const id of ['a', 'b', 'c', 'd']) expect(await documents.put(id, bytes)).toMatchObject({ where: 'redis' });
    await documents.uploaded();
    await expect(documents.put('e', bytes.toString('base64'))).rejects.toThrow(ObjectStoreUnavailableError);
    expect(await documents.get('e')).toBeUndefined();
    isAway = false;
    expect(await documents.put('e', bytes.toString('base64'))).toMatchObject({ where: 'objects' });
    // One that is in chunks is taken back from where it has come to.
    const long = randomBytes(2_500_000);
    expect(await documents.put('f', long)).toMatchObject({ where: 'objects' });
    expect((await bytesOf(await documents.get('f')))?.equals(long)).toBe(true);
    // What stands there already counts once.
    expect(await documents.put('a', bytes)).toMatchObject({ where: 'redis' });
    await documents.uploaded();
    await documents.sweep();
    expect(await pinnedBytes()).toBe(0);
  });

  it('go to the object store where the server is full, and are made evictable there', async () => {
    const documents = open({ dirtyBudget: '100%' }, away());
    const bytes = randomBytes(megabyte);
    let failure: unknown;
    for (let n = 0; n < 40 && failure === undefined; n++) {
      await documents.put(`n${n}`, bytes).catch((error: unknown) => (failure = error));
    }
    expect(failure).toBeInstanceOf(ObjectStoreUnavailableError);
    const later = open({ dirtyBudget: '100%' });
    expect(await later.put('one more', bytes)).toMatchObject({ where: 'objects' });
    const { uploaded, failed } = await later.sweep();
    expect([uploaded > 8, failed]).toEqual([true, 0]);
    expect(await later.put('fits again', bytes)).toMatchObject({ where: 'redis' });
    expect((await bytesOf(await later.get('n3')))?.equals(bytes)).toBe(true);
  });

  it('are backed up by the sweeps that run by themselves where the server is full', async () => {
    const documents = open({ dirtyBudget: '100%' }, away());
    await documents.put('d', randomBytes(3 * megabyte));
    await documents.uploaded();
    // Its process has ended, and what it left has waited for long.
    await server.command('ZADD', 'documents:dirty', 'XX', 1, 'd');
    await server.command('CONFIG', 'SET', 'maxmemory', '2mb');
    try {
      await expect(server.command('SET', 'x', 'y')).rejects.toThrow('OOM');
      const later = open({ dirtyBudget: '100%', sweepEvery: 50 });
      await eventually(async () => expect(await keysIn(objects)).toHaveLength(1));
      await eventually(async () => expect((await later.status()).dirty.documents).toBe(0));
    } finally {
      await server.command('CONFIG', 'SET', 'maxmemory', '24mb');
    }
  });

  it('are backed up by a thorough sweep that meets keys of somebody else among theirs', async () => {
    const documents = open({}, away());
    await documents.put('d', 'x');
    await documents.uploaded();
    await server.command('SET', key('a/b'), 'no id');
    await server.command('HSET', key('hash'), 'no', 'text');
    await objects.put('documents/hash/0000000000000001', 'y');
    expect(await open().sweep({ thorough: true })).toMatchObject({ uploaded: 1, failed: 0, adopted: 0, dropped: 0 });
    expect(await keysIn(objects, 'documents/d/')).toHaveLength(1);
    expect(await server.command('EXISTS', key('a/b'), key('hash'))).toBe(2);
  });

  it('that somebody else has put a hash in the place of wait for no backup any more', async () => {
    const documents = open({}, away());
    await documents.put('d', 'x');
    await documents.uploaded();
    await server.command('DEL', key('d'));
    await server.command('HSET', key('d'), 'no', 'text');
    await open().sweep({ thorough: true });
    expect(await open().sweep({ thorough: true })).toMatchObject({ uploaded: 0, failed: 0 });
    expect(await documents.status()).toMatchObject({ dirty: { documents: 0, bytes: 0 } });
    expect(await server.command('EXISTS', key('d'))).toBe(1);
  });

  it('say what the last sweep that ran by itself has failed with', async () => {
    let isAway = true;
    const list: ObjectStore['list'] = (...args) => {
      if (isAway) throw new ObjectStoreUnavailableError('objects', 'away');
      return objects.list(...args);
    };
    const documents = open({ sweepEvery: 50 }, objectsWith(objects, { list }));
    const failure = async (): Promise<string | undefined> => (await documents.status()).lastSweepFailure;
    await eventually(async () => expect(await failure()).toContain('away'));
    isAway = false;
    await eventually(async () => expect(await failure()).toBeUndefined());
  });

  it('are gone for readers as soon as they are deleted, also those that were never backed up', async () => {
    const documents = open();
    await documents.put('d', 'one');
    await documents.uploaded();
    await documents.delete('d');
    expect(await documents.get('d')).toBeUndefined();
    expect(await keysIn(objects)).toEqual([]);
    await documents.put('d', 'two');
    await documents.uploaded();
    expect(await textIn(documents, 'd')).toBe('two');
    const lame = open(
      {},
      objectsWith(objects, {
        list: () => {
          throw new ObjectStoreUnavailableError('objects', 'away');
        },
      }),
    );
    await lame.delete('d');
    expect(await keysIn(objects)).toHaveLength(1);
    expect(await documents.get('d')).toBeUndefined();
    await lame.delete('never there');
  });

  describe('that were deleted', () => {
    let lists: string[];
    let isRefused: (key: string) => boolean;
    const counted = (): ObjectStore =>
      objectsWith(objects, {
        list: (prefix, options) => {
          lists.push(prefix);
          return objects.list(prefix, options);
        },
        remove: async (name, options) => {
          if (isRefused(name)) throw new ObjectStoreUnavailableError('objects', 'refused');
          return objects.remove(name, options);
        },
      });
    /** So many hours ago, and their objects have come in since. */
    const deleteEarlier = async (ids: readonly string[], hours = 1): Promise<void> => {
      const before = (Date.now() - hours * 3_600_000) * 1_000;
      for (const [index, id] of ids.entries()) {
        await objects.put(`documents/${id}/${before + index}`, 'x');
        await server.command('ZADD', 'documents:removed', before + index, id);
      }
    };
    beforeEach(() => {
      lists = [];
      isRefused = () => false;
    });

    it('are looked for again once, but for those that the object store refuses to remove, whichever process sweeps', async () => {
      const documents = open({}, counted());
      isRefused = (name) => name.startsWith('documents/b/');
      await deleteEarlier(['a', 'b', 'c']);
      expect(await documents.sweep()).toMatchObject({ failed: 1 });
      expect(lists).toEqual(['documents/a/', 'documents/b/', 'documents/c/']);
      expect(await documents.sweep()).toMatchObject({ failed: 1 });
      expect(lists.splice(0).slice(3)).toEqual(['documents/b/']);

      await open({}, counted()).sweep();
      expect(lists).toEqual([]);
      isRefused = () => false;
      expect(await documents.sweep()).toMatchObject({ failed: 0 });
      expect(await documents.sweep()).toMatchObject({ failed: 0 });
      expect(lists).toEqual(['documents/b/']);
      expect(await keysIn(objects)).toEqual([]);
      expect((await documents.status()).removed).toBe(3);
    });

    it('wait for an object store that is away: no sweep asks it for all of them, and all are gone when it is back', async () => {
      const documents = open({}, counted());
      isRefused = () => true;
      const ids = Array.from({ length: 130 }, (_, index) => `d${index}`);
      await deleteEarlier(ids);
      for (let sweeps = 0; sweeps < 8; sweeps++) {
        expect(await documents.sweep()).toMatchObject({ failed: 20 });
        expect(lists.splice(0)).toHaveLength(20);
      }
      isRefused = () => false;
      expect(await documents.sweep()).toMatchObject({ failed: 0 });
      expect(await documents.sweep()).toMatchObject({ failed: 0 });
      expect(await keysIn(objects)).toEqual([]);
      expect(lists).toHaveLength(130);
    });

    it('days ago wait for an object store that is away: no sweep asks it for all of them, and their marks go when it is back', async () => {
      const documents = open({}, counted());
      isRefused = () => true;
      await deleteEarlier(
        Array.from({ length: 130 }, (_, index) => `d${index}`),
        49,
      );
      for (let sweeps = 0; sweeps < 2; sweeps++) {
        expect(await documents.sweep()).toMatchObject({ failed: 20, removed: 0 });
        expect(lists.splice(0)).toHaveLength(20);
      }
      isRefused = () => false;
      expect(await documents.sweep()).toMatchObject({ failed: 0, removed: 130 });
      expect(await keysIn(objects)).toEqual([]);
      expect((await documents.status()).removed).toBe(0);
    });
  });

  it('of which the object store must have a copy are acknowledged after that', async () => {
    const documents = open({ acknowledge: 'objects' });
    const { revision } = await documents.put('d', 'x');
    expect(await keysIn(objects)).toEqual([`documents/d/${revision}`]);
    await expect(open({ acknowledge: 'objects' }, away()).put('d', 'y')).rejects.toThrow(ObjectStoreUnavailableError);
  });

  describe('of which the object store must have a copy', () => {
    /** Acknowledges with the object store, and once, before that reads the first of its bytes, something else happens. */
    const disturbed = (disturb: () => Promise<unknown>): RedisDocuments => {
      let isFirst = true;
      const put: ObjectStore['put'] = async (...args) => {
        if (isFirst) {
          isFirst = false;
          await disturb();
        }
        return objects.put(...args);
      };
      return open({ acknowledge: 'objects' }, objectsWith(objects, { put }));
    };

    it('are not acknowledged where Redis has lost them before that', async () => {
      const lost = disturbed(() => server.command('DEL', key('d')));
      await expect(lost.put('d', 'x')).rejects.toThrow(StoreUnavailableError);
      expect(await lost.get('d')).toBeUndefined();
    });

    it('are not acknowledged where Redis has an earlier one again', async () => {
      const documents = open();
      await documents.put('d', 'earlier');
      await documents.uploaded();
      const earlier = (await server.command('DUMP', key('d'))) as Buffer;
      const lost = disturbed(() => server.command('RESTORE', key('d'), 60_000, earlier, 'REPLACE'));
      await expect(lost.put('d', 'x')).rejects.toThrow(StoreUnavailableError);
      expect(await textIn(lost, 'd')).toBe('earlier');
    });

    it('are acknowledged once they are there, also where others replace them all the time', async () => {
      const other = open({}, away());
      let puts = 0;
      const put: ObjectStore['put'] = async (...args) => {
        const written = await objects.put(...args);
        if (++puts < 10) await other.put('d', `later ${puts}`);
        return written;
      };
      const { revision } = await open({ acknowledge: 'objects' }, objectsWith(objects, { put })).put('d', 'x');
      expect([puts, await keysIn(objects)]).toEqual([1, [`documents/d/${revision}`]]);
      expect(await textIn(other, 'd')).toBe('later 1');
    });

    it('are acknowledged once a later one is there that has replaced them', async () => {
      const other = open({}, away());
      await disturbed(() => other.put('d', 'later')).put('d', 'x');
      await server.command('DEL', key('d'));
      expect(await textIn(other, 'd')).toBe('later');
    });

    it.each<[string, () => Promise<unknown>, string | undefined]>([
      ['deleted', () => open().delete('d'), undefined],
      [
        'uploaded by somebody else, and evicted',
        async () => {
          await open().sweep();
          await server.command('DEL', key('d'));
        },
        'x',
      ],
    ])('are acknowledged where they were %s meanwhile', async (_, disturb, expected) => {
      await disturbed(disturb).put('d', 'x');
      expect(await textIn(open(), 'd')).toBe(expected);
    });
  });

  it('that are refused destroy their source, and one that fails before it is read is told of', async () => {
    const documents = open();
    const refused: [string, object, typeof InvalidOptionError | typeof InvalidKeyError][] = [
      ['d', { size: -1 }, InvalidOptionError],
      ['d', { sise: 1 }, InvalidOptionError],
      ['a/b', {}, InvalidKeyError],
    ];
    for (const [id, options, error] of refused) {
      const source = new PassThrough();
      await expect(documents.put(id, source, options)).rejects.toThrow(error);
      expect([id, options, source.destroyed]).toEqual([id, options, true]);
    }
    const failed = new Readable({ read() {} }).destroy(new Error('can not be opened'));
    await expect(documents.put('d', failed)).rejects.toThrow('can not be opened');
    expect(await documents.get('d')).toBeUndefined();
  });

  it('leave nothing behind where the source fails, is cut, or its reader gives up', async () => {
    const documents = open();
    const failing = async function* (): AsyncGenerator<Buffer> {
      yield randomBytes(megabyte);
      throw new Error('the client has left');
    };
    await expect(documents.put('d', failing())).rejects.toThrow('the client has left');
    await expect(documents.put('d', 'ab', { size: 3 })).rejects.toThrow(ObjectSizeError);
    const source = new Readable({ read() {} });
    source.push(randomBytes(megabyte));
    const controller = new AbortController();
    const put = documents.put('d', source, { signal: controller.signal });
    await eventually(async () => expect(await server.command('ZCARD', 'documents:staged')).toBe(1));
    controller.abort(new Error('given up'));
    await expect(put).rejects.toThrow('given up');
    expect(source.destroyed).toBe(true);
    expect(await documents.get('d')).toBeUndefined();
    expect([await pinnedBytes(), await server.command('ZCARD', 'documents:staged')]).toEqual([0, 0]);
    expect(await server.command('KEYS', 'documents:stage:*')).toEqual([]);
  });

  it('that were changed in Redis by somebody else are neither uploaded nor read to their end', async () => {
    const documents = open({}, away());
    await documents.put('d', randomBytes(megabyte));
    await documents.uploaded();
    await server.command('SETRANGE', key('d'), 600_000, 'x!');
    await expect(documents.get('d').then(bytesOf)).rejects.toMatchObject({ code: 'DOCUMENT_DAMAGED' });
    const later = open();
    expect(await later.sweep()).toMatchObject({ uploaded: 0, failed: 1 });
    expect((await later.status()).lastFailure).toContain('d');
    expect(await keysIn(objects)).toEqual([]);
    expect(await server.command('PTTL', key('d'))).toBe(-1);
  });

  it.each<[string, Partial<RedisDocumentsOptions>]>([
    ['would be brought back', {}],
    ['are too large for it', { maxBytes: 1_000 }],
  ])(
    'that the object store has damaged are not read to their end, and do not get to Redis, where they %s',
    async (_, options) => {
      const bytes = randomBytes(megabyte);
      const documents = open();
      await documents.put('d', bytes);
      await documents.uploaded();
      await server.command('DEL', key('d'));
      // As one that knows no checksum, such as S3's of what was uploaded in parts.
      const damaging = objectsWith(objects, {
        open: async (...args) => {
          const { checksum: _checksum, ...found } = await objects.open(...args);
          const damage = async function* (): AsyncGenerator<Buffer> {
            for await (const piece of found.body as AsyncIterable<Buffer>) {
              piece.writeUInt8(piece.readUInt8(0) ^ 1);
              yield piece;
            }
          };
          return { ...found, body: Readable.from(damage(), { objectMode: false }) };
        },
      });
      const opened = await open(options, damaging).get('d');
      let read = 0;
      const reading = (async () => {
        for await (const piece of opened?.body ?? []) read += (piece as Buffer).length;
      })();
      await expect(reading).rejects.toMatchObject({ code: 'DOCUMENT_DAMAGED', id: 'd' });
      expect(read).toBeLessThan(megabyte);
      expect(await server.command('EXISTS', key('d'))).toBe(0);
      expect(await server.command('KEYS', 'documents:stage:*')).toEqual([]);
      expect((await bytesOf(await open(options).get('d')))?.equals(bytes)).toBe(true);
    },
  );

  describe('whose object store', () => {
    const bytes = randomBytes(megabyte);
    /** One document, and an object store whose bodies carry the bytes up to this one. Then they end, or are silent. */
    const bounded = async (
      upTo: number,
      isSilent: boolean,
    ): Promise<{ documents: RedisDocuments; sources: Readable[] }> => {
      await open().put('d', bytes);
      await open().sweep();
      const sources: Readable[] = [];
      const store = objectsWith(objects, {
        open: async (name, options) => {
          const found = await objects.open(name, options);
          found.body.destroy();
          const source = new Readable({ read() {} });
          for (let at = found.range.start; at < upTo; at += 65_536)
            source.push(bytes.subarray(at, Math.min(at + 65_536, upTo)));
          if (!isSilent) source.push(null);
          options?.signal?.addEventListener('abort', () => source.destroy());
          sources.push(source);
          return { ...found, body: source };
        },
      });
      return { documents: open({}, store), sources };
    };

    it.each<[string, () => Promise<unknown>, () => Promise<unknown>]>([
      ['from there', () => server.command('DEL', key('d')), async () => {}],
      ['on from there', async () => {}, () => server.command('DEL', key('d'))],
    ])('falls silent while they are read %s let go of it at once', async (_, before, within) => {
      const { documents, sources } = await bounded(700_000, true);
      await before();
      const body = (await documents.get('d'))?.body as Readable;
      await within();
      let read = 0;
      body.on('data', (piece: Buffer) => (read += piece.length));
      await eventually(async () => expect([read >= 524_288, sources.length]).toEqual([true, 1]));
      const closed = once(body, 'close');
      body.destroy();
      await closed;
      await eventually(async () => expect(sources[0]?.destroyed).toBe(true));
      await eventually(async () => expect(await server.command('KEYS', 'documents:stage:*')).toEqual([]));
    });

    it('has fewer bytes than they have are not read to their end', async () => {
      const { documents } = await bounded(700_000, false);
      const found = await documents.get('d');
      await server.command('DEL', key('d'));
      await expect(bytesOf(found)).rejects.toMatchObject({ code: 'DOCUMENT_DAMAGED', id: 'd' });
    });
  });

  it('whose object has no SHA-256 fail for the reader alone, where its signal aborts before it reads', async () => {
    await open().put('d', 'x'.repeat(1_000));
    await open().sweep();
    await server.command('DEL', key('d'));
    const sources: Readable[] = [];
    const unsigned = objectsWith(objects, {
      open: async (name, options) => {
        const found = await objects.open(name, options);
        sources.push(found.body);
        return { ...found, metadata: {} };
      },
    });
    const ending = new AbortController();
    const body = (await open({}, unsigned).get('d', { signal: ending.signal }))?.body as Readable;
    const failed = once(body, 'error');
    ending.abort(new Error('left'));
    expect(await failed).toMatchObject([{ message: 'left' }]);
    await eventually(async () => expect(sources[0]?.closed).toBe(true));
  });

  it('refuse ids with slashes, a Cluster, servers that evict anything, and options that are none', async () => {
    const documents = open();
    for (const id of ['a/b', '', '..', 'x\u0000'])
      await expect(documents.put(id, 'x')).rejects.toThrow(InvalidKeyError);
    expect(() => redisDocuments({ connection: { cluster: ['127.0.0.1:1'] }, objects })).toThrow(InvalidOptionError);
    for (const wrong of [{ dirtyBudget: '101%' }, { maxBytes: '600mb' }, { uploadsAtOnce: 0 }, { acknowledge: 'x' }]) {
      expect(() => documentsOn(server, objects, wrong as Partial<RedisDocumentsOptions>)).toThrow(InvalidOptionError);
    }
    for (const uncountable of [Infinity, Number.MAX_VALUE, 2 ** 53, 0]) {
      expect(() => documentsOn(server, objects, { keepFor: uncountable })).toThrow(InvalidDurationError);
      expect(() => documentsOn(server, objects, { uploadTimeout: uncountable })).toThrow(InvalidDurationError);
    }
    await server.command('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
    try {
      await expect(open().open()).rejects.toThrow('allkeys-lru');
      await expect(open().put('d', 'x')).rejects.toThrow(InvalidOptionError);
      // One that was connected before is told by its status.
      await expect(documents.status()).rejects.toThrow(InvalidOptionError);
    } finally {
      await server.command('CONFIG', 'SET', 'maxmemory-policy', 'volatile-lru');
    }
  });

  it('warn once where nothing is evicted, or an acknowledged document is only in memory', async () => {
    const warnings: string[] = [];
    const onWarning = (message: string): void => void warnings.push(message);
    await server.command('CONFIG', 'SET', 'maxmemory-policy', 'noeviction', 'appendonly', 'no');
    try {
      const documents = open({ onWarning });
      await documents.open();
      await documents.status();
      expect(warnings.map((text) => /append-only|noeviction/.exec(text)?.[0]).sort()).toEqual([
        'append-only',
        'noeviction',
      ]);
    } finally {
      await server.command('CONFIG', 'SET', 'maxmemory-policy', 'volatile-lru', 'appendonly', 'yes');
    }
  });

  it('are written and read where onWarning throws: that is a fault, and the warning is told again', async () => {
    const faults: string[] = [];
    const stop = onCacheEvent('fault', ({ source, message }) => void faults.push(`${source}: ${message}`));
    const warnings: string[] = [];
    let isReady = false;
    const onWarning = (message: string): void => {
      if (!isReady) throw new Error('the log is not open yet');
      warnings.push(message);
    };
    await server.command('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
    try {
      const documents = open({ onWarning });
      await documents.put('d', 'x');
      expect(await textIn(documents, 'd')).toBe('x');
      expect(faults).toEqual([expect.stringMatching(/^redis documents: onWarning threw at: .*noeviction/)]);
      isReady = true;
      await documents.status();
      await documents.status();
      expect(warnings).toEqual([expect.stringContaining('noeviction')]);
    } finally {
      stop();
      await server.command('CONFIG', 'SET', 'maxmemory-policy', 'volatile-lru');
    }
  });

  it('are read from no server that was a primary and has become a replica', async () => {
    const documents = open();
    await documents.put('d', 'x');
    await documents.uploaded();
    await server.command('REPLICAOF', '127.0.0.1', 1);
    try {
      await expect(documents.get('d')).rejects.toThrow(StoreUnavailableError);
      await expect(documents.get('none')).rejects.toThrow(StoreUnavailableError);
    } finally {
      await server.command('REPLICAOF', 'NO', 'ONE');
    }
    await eventually(async () => expect(await textIn(documents, 'd')).toBe('x'));
  });

  it('say that Redis is away rather than hand out what may be an earlier revision', async () => {
    const documents = open({ connection: { url: 'redis://127.0.0.1:1', connectTimeout: 200 } });
    await objects.put('documents/d/0000000000000001', 'early');
    await expect(documents.get('d')).rejects.toThrow(StoreUnavailableError);
    await expect(documents.put('d', 'x')).rejects.toThrow(StoreUnavailableError);
  });
});
