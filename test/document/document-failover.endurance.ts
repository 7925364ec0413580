import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { redisDocuments } from '../../src/document/redis-documents.js';
import type { RedisDocuments } from '../../src/document/redis-documents.js';
import type { RedisDocumentsOptions } from '../../src/document/document-options.js';
import { memoryObjectStore } from '../../src/object/memory-object-store.js';
import { ObjectStoreUnavailableError } from '../../src/object/object-errors.js';
import type { ObjectStore } from '../../src/object/object-store.js';
import { StoreUnavailableError } from '../../src/value/errors.js';
import { eventually } from '../support/eventually.js';
import { startReplica, startSentinels } from '../support/redis-fleet.js';
import type { Sentinels } from '../support/redis-fleet.js';
import { startRedis } from '../support/redis-process.js';
import type { RedisProcess } from '../support/redis-process.js';
import { keysIn, objectsWith, textIn } from './documents-on.js';

const setup = ['--maxmemory', '60mb', '--maxmemory-policy', 'volatile-lru', '--appendonly', 'yes'];

describe('O6 documents whose primary ends and is replaced by Sentinels', () => {
  let primary: RedisProcess;
  let replica: RedisProcess;
  let sentinels: Sentinels;
  let stored: ObjectStore;
  let isAway: boolean;
  let objects: ObjectStore;
  const opened: RedisDocuments[] = [];

  beforeEach(async () => {
    primary = await startRedis({ args: setup });
    replica = await startReplica(primary.port, setup);
    sentinels = await startSentinels(primary, { downAfterMs: 400 });
    stored = memoryObjectStore();
    isAway = false;
    objects = objectsWith(stored, {
      put: (...args) =>
        isAway ? Promise.reject(new ObjectStoreUnavailableError('objects', 'it is away')) : stored.put(...args),
    });
  });
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((documents) => documents.close()));
    await Promise.all([sentinels.stop(), replica.stop(), primary.stop()]);
  });

  const open = (options: Partial<RedisDocumentsOptions> = {}): RedisDocuments => {
    const connection = {
      sentinels: sentinels.addresses,
      name: sentinels.name,
      connectTimeout: 2_000,
      commandTimeout: 2_000,
    };
    const documents = redisDocuments({ connection, objects, sweepEvery: Infinity, uploadTimeout: '200ms', ...options });
    opened.push(documents);
    return documents;
  };
  /** Waits until the replica has what the primary has. */
  const replicated = async (): Promise<void> => {
    await primary.command('SET', 'marker', 'written after all others');
    expect(await primary.command('WAIT', 1, 20_000)).toBe(1);
  };
  /** The replica hears of nothing from now on: what is on its way to it is thrown away as well. */
  const cutOff = async (): Promise<void> => {
    await replicated();
    replica.pause();
    expect(await primary.command('CLIENT', 'KILL', 'TYPE', 'replica')).toBe(1);
  };
  const takenOver = (): Promise<void> =>
    eventually(async () => expect((await replica.info('replication'))['role']).toBe('master'), { withinMs: 30_000 });
  const afterwards = <T>(act: () => Promise<T>): Promise<T> => eventually(act, { withinMs: 30_000, everyMs: 100 });

  it('in the middle of one that comes in: it is refused, the earlier one stands, and what was acknowledged and replicated is backed up', async () => {
    const documents = open();
    await documents.put('d', 'earlier');
    await documents.uploaded();
    isAway = true;
    await documents.put('waiting', 'acknowledged, and not backed up');
    await documents.uploaded();
    await replicated();

    const piece = Buffer.alloc(2 ** 20, 'x');
    const source = Readable.from(
      (async function* () {
        yield piece;
        yield piece;
        await eventually(async () => expect(await primary.command('ZCARD', 'documents:staged')).toBe(1));
        await primary.kill();
        yield piece;
      })(),
    );
    await expect(documents.put('d', source)).rejects.toThrow(StoreUnavailableError);
    expect(source.destroyed).toBe(true);

    await takenOver();
    expect(await afterwards(() => textIn(documents, 'd'))).toBe('earlier');
    expect(await textIn(documents, 'waiting')).toBe('acknowledged, and not backed up');
    expect((await documents.status()).dirty).toMatchObject({ documents: 1 });
    isAway = false;
    expect(await documents.put('d', Readable.from([piece, piece, piece]))).toMatchObject({ where: 'redis' });
    await documents.uploaded();
    // What was coming in has left its half on the replica, if it came that far.
    await eventually(async () => {
      await documents.sweep();
      expect(await replica.command('KEYS', 'documents:stage:*')).toEqual([]);
    });
    expect((await documents.status()).dirty).toMatchObject({ documents: 0, bytes: 0 });
    expect(await keysIn(stored)).toHaveLength(2);
    await replica.command('DEL', 'documents:document:d', 'documents:document:waiting');
    expect((await textIn(documents, 'd'))?.length).toBe(3 * 2 ** 20);
    expect(await textIn(documents, 'waiting')).toBe('acknowledged, and not backed up');
  });

  it('after writes that no replica had: what the object store had acknowledged is there, what only Redis had is lost', async () => {
    const [quick, safe] = [open(), open({ acknowledge: 'objects' })];
    for (const id of ['quick', 'safe']) await safe.put(id, 'earlier');
    await cutOff();
    await safe.put('safe', 'later');
    await safe.put('new', 'first');
    isAway = true;
    await quick.put('quick', 'later');
    await quick.put('gone', 'first');
    await quick.uploaded();
    await primary.kill();
    replica.resume();
    isAway = false;
    await takenOver();

    // Lost, as with everything in Redis; no mixture, no error.
    expect(await afterwards(() => textIn(quick, 'quick'))).toBe('earlier');
    expect(await textIn(quick, 'gone')).toBeUndefined();
    expect(await textIn(safe, 'new')).toBe('first');
    // The replica has the earlier one until it is compared with the object store.
    expect(await textIn(safe, 'safe')).toBe('earlier');
    expect(await safe.sweep()).toMatchObject({ dropped: 0 });
    expect(await textIn(safe, 'safe')).toBe('earlier');
    expect(await safe.sweep({ thorough: true })).toMatchObject({ dropped: 1 });
    expect(await textIn(safe, 'safe')).toBe('later');
    await safe.put('safe', 'latest');
    expect(await textIn(safe, 'safe')).toBe('latest');
    expect((await safe.sweep({ thorough: true })).dropped).toBe(0);
  });

  it('by one whose clock is behind: what is written or deleted afterwards is the last word, and no older object', async () => {
    const documents = open({ acknowledge: 'objects' });
    for (const id of ['written', 'deleted', 'untouched']) await documents.put(id, 'earlier');
    await cutOff();
    // As if the clock of the primary were an hour ahead.
    await primary.command('HSET', 'documents:state', 'revision', `${(Date.now() + 3_600_000) * 1_000}`);
    for (const id of ['written', 'deleted', 'untouched']) await documents.put(id, 'later');
    await primary.kill();
    replica.resume();
    await takenOver();
    await afterwards(() => documents.put('written', 'latest'));
    await documents.delete('deleted');
    await documents.sweep({ thorough: true });
    for (const id of ['written', 'untouched']) await replica.command('DEL', `documents:document:${id}`);
    expect(await textIn(documents, 'written')).toBe('latest');
    expect(await textIn(documents, 'deleted')).toBeUndefined();
    expect(await textIn(documents, 'untouched')).toBe('later');
    expect(await keysIn(stored)).toHaveLength(2);
  });

  it('is found out by the sweep that runs by itself, which compares Redis with the object store', async () => {
    const documents = open({ acknowledge: 'objects', sweepEvery: 200 });
    await documents.put('safe', 'earlier');
    // The first sweep is thorough; this one belongs to the server that takes over.
    await eventually(async () => expect(await primary.command('EXISTS', 'documents:sweeper')).toBe(1));
    await cutOff();
    await documents.put('safe', 'later');
    await primary.kill();
    replica.resume();
    await takenOver();
    await afterwards(async () => expect(await textIn(documents, 'safe')).toBe('later'));
  });
});
