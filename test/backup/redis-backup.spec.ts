import { randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import type { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { DamagedBackupError, RestoreRefusedError } from '../../src/backup/backup-errors.js';
import { parseManifest } from '../../src/backup/backup-manifest.js';
import type { BackupProgress } from '../../src/backup/backup-progress.js';
import { chunksOf } from '../../src/backup/backup-record.js';
import { endsWithItsCrc } from '../../src/backup/crc64.js';
import { KeyNames } from '../../src/backup/key-names.js';
import { redisBackup } from '../../src/backup/redis-backup.js';
import type { RedisBackup } from '../../src/backup/redis-backup.js';
import type { RestoreBackupOptions } from '../../src/backup/restore-backup.js';
import type { TakeBackupOptions } from '../../src/backup/take-backup.js';
import { verifyBackup } from '../../src/backup/verify-backup.js';
import { folderObjectStore } from '../../src/object/folder-object-store.js';
import { memoryObjectStore } from '../../src/object/memory-object-store.js';
import { ObjectSizeError } from '../../src/object/object-errors.js';
import type { ObjectStore } from '../../src/object/object-store.js';
import { InvalidOptionError } from '../../src/value/errors.js';
import { eventually } from '../support/eventually.js';
import { moveSlot, startRedisCluster } from '../support/redis-fleet.js';
import type { RedisClusterProcesses } from '../support/redis-fleet.js';
import { startRedis } from '../support/redis-process.js';
import type { RedisProcess } from '../support/redis-process.js';
import { RedisWire } from '../support/redis-wire.js';

const keyCount = process.env['ENDURANCE'] ? 200_000 : 8_000;

/** Fills a server: strings of 200 bytes, a tenth of them with an expiration, and one key of each other type. */
async function fill({ port }: RedisProcess, count = keyCount): Promise<void> {
  const wire = new RedisWire(port);
  for (let from = 0; from < count; from += 1_000) {
    await Promise.all(
      Array.from({ length: Math.min(1_000, count - from) }, (_, index) => {
        const number = from + index;
        const life = number % 10 === 0 ? ['PX', '600000'] : [];
        return wire.command('SET', `key:${number}`, `${number} `.repeat(40), ...life);
      }),
    );
  }
  await wire.command('HSET', 'hash', 'f', 'v');
  await wire.command('SADD', 'set', 'a', 'b');
  await wire.command('ZADD', 'sorted', 1.5, 'm');
  await wire.command('RPUSH', 'list', 'x', 'y');
  await wire.command('SET', Buffer.from([0, 255, 13, 10]), Buffer.from([1, 0, 2]));
  wire.close();
}

async function* pieces(bytes: Buffer, size = 1_000): AsyncGenerator<Buffer> {
  for (let from = 0; from < bytes.length; from += size) yield bytes.subarray(from, from + size);
}

describe('A backup of Redis', () => {
  let source: RedisProcess;
  let target: RedisProcess;
  let folder: string;
  const opened: RedisBackup[] = [];
  const reach = ({ url }: { url: string }): RedisBackup => {
    const backup = redisBackup({ connection: { url } });
    opened.push(backup);
    return backup;
  };
  const take = async (from: { url: string }, options: TakeBackupOptions = {}, name = 'redis.bak') => {
    const file = join(folder, name);
    const stream = createWriteStream(file);
    const manifest = await reach(from).take(stream, options);
    stream.end();
    await finished(stream);
    return { file, manifest, bytes: readFileSync(file) };
  };
  beforeAll(async () => {
    [source, target] = await Promise.all([startRedis(), startRedis()]);
    folder = mkdtempSync(join(tmpdir(), 'backup-'));
  });
  beforeEach(() => Promise.all([source.command('FLUSHALL'), target.command('FLUSHALL')]));
  afterEach(() => Promise.all(opened.splice(0).map((backup) => backup.close())));
  afterAll(async () => {
    await Promise.all([source.stop(), target.stop()]);
    rmSync(folder, { recursive: true, force: true });
  });

  it('refuses misspelt options and modes before it does anything', async () => {
    const backup = reach(source);
    const stream = createWriteStream(join(folder, 'refused.bak'));
    await expect(backup.take(stream, { mode: 'complet' } as never)).rejects.toThrow('mode: there is no such mode');
    await expect(backup.take(stream, { spool: folder } as never)).rejects.toThrow('spool: take() has no such option');
    stream.destroy();
    const none = (): AsyncIterable<Uint8Array> => pieces(Buffer.alloc(0));
    await expect(backup.restore(none, { replaced: true } as never)).rejects.toThrow('Did you mean replace?');
    await expect(verifyBackup(none(), { manifst: {} } as never)).rejects.toThrow('Did you mean manifest?');
  });

  it('has the documented bytes: key length, key, dump length, dump', async () => {
    await source.command('SET', 'k1', 'hello');
    const { bytes, manifest } = await take(source);
    const dump = (await source.command('DUMP', 'k1')) as Buffer;
    expect(bytes).toEqual(
      Buffer.concat([Buffer.from('00000002', 'hex'), Buffer.from('k1'), Buffer.from([0, 0, 0, dump.length]), dump]),
    );
    expect(manifest).toMatchObject({
      mode: 'strict',
      records: 1,
      bytes: bytes.length,
      serverVersion: expect.stringMatching(/^\d+\./),
    });
    expect(parseManifest(JSON.stringify(manifest))).toEqual(manifest);
    expect(() => parseManifest('{}')).toThrow(InvalidOptionError);
  });

  it('checks dumps as Redis does, of any length', async () => {
    expect(endsWithItsCrc(Buffer.from('000568656c6c6f0a006372df766534200a', 'hex'))).toBe(true);
    expect(endsWithItsCrc(Buffer.from('000568656c6c6e0a006372df766534200a', 'hex'))).toBe(false);
    for (let length = 10; length < 40; length++) {
      const signed = await withCrc(randomBytes(length));
      for (let at = 0; at < length; at++) {
        const flipped = Buffer.from(signed);
        flipped[at] = (flipped[at] as number) ^ 1;
        expect(endsWithItsCrc(flipped)).toBe(false);
      }
    }
  });

  it.each(['strict', 'complete'] as const)(
    'B1 taken beside writers, %s, holds every key that was there throughout, and restores to the same data',
    async (mode) => {
      await fill(source);
      let isOver = false;
      let round = 0;
      const changed = new Set<string>();
      const writing = (async () => {
        const wire = new RedisWire(source.port);
        for (; !isOver; round++) {
          const [gone, lasting] = [`key:${(round * 70 + 3) % keyCount}`, `key:${(round * 50 + 1) % keyCount}`];
          changed.add(gone).add(lasting);
          await wire.command('SET', `new:${round}`, 'x');
          await wire.command('SET', lasting, 'changed');
          await wire.command('DEL', gone);
        }
        wire.close();
      })();
      const progress: BackupProgress[] = [];
      let listedBy = Infinity;
      const onProgress = (step: BackupProgress): void => {
        progress.push(step);
        if (step.phase !== 'listing') listedBy = Math.min(listedBy, round);
      };
      const { file, manifest, bytes } = await take(source, { mode, onProgress });
      isOver = true;
      await writing;
      expect(round).toBeGreaterThan(listedBy);
      expect(progress.at(-1)).toMatchObject({ phase: 'done', records: manifest.records, bytes: bytes.length });
      expect(manifest.skipped.expiring).toBeGreaterThan(keyCount / 20);
      await verifyBackup(createReadStream(file), { manifest });
      const restored = await reach(target).restore(() => createReadStream(file), { manifest });
      expect(restored).toMatchObject({ records: manifest.records, bytes: bytes.length, replaced: 0, endIsKnown: true });
      const [from, to] = [new RedisWire(source.port), new RedisWire(target.port)];
      let compared = 0;
      const different: string[] = [];
      for await (const names of pagesOf(from)) {
        await Promise.all(
          names.map(async (name) => {
            if (changed.has(name.toString()) || /^new:/.test(name.toString())) return;
            if (Number(await from.command('PTTL', name)) !== -1) return;
            compared++;
            const [kept, original] = await Promise.all([to.command('DUMP', name), from.command('DUMP', name)]);
            if (!isSameDump(kept, original)) different.push(name.toString());
          }),
        );
      }
      expect(different).toEqual([]);
      expect(compared).toBeGreaterThan(keyCount / 4);
      const there: string[] = [];
      for await (const names of pagesOf(to)) there.push(...names.map((name) => name.toString('latin1')));
      expect(await to.command('EXISTS', 'key:0')).toBe(0);
      // Keys that appear while the names are listed may be among them; those that come later are not.
      const added = there.filter((name) => name.startsWith('new:')).map((name) => Number(name.slice(4)));
      if (mode === 'strict') expect(added.filter((one) => one > listedBy)).toEqual([]);
      from.close();
      to.close();
    },
    300_000,
  );

  it('strict leaves out what is gone, has an expiration, or came, while it is taken', async () => {
    await fill(source, 3_000);
    let isFirst = true;
    const disturb = (): void => {
      if (!isFirst) return;
      isFirst = false;
      // Half of it is dumped by now.
      void source.command(
        'DEL',
        ...Array.from({ length: 3_000 }, (_, index) => `key:${index}`).filter((_, index) => index % 3 === 1),
      );
      void source.command('PEXPIRE', 'hash', 60_000);
      void source.command('SET', 'late', 'x');
    };
    const { file, manifest } = await take(source, { onProgress: ({ phase }) => phase === 'dumping' && disturb() });
    const { expiring, vanished, appeared } = manifest.skipped;
    // A thousand went, a tenth of them with an expiration, which may have been seen before; 200 others have one, and the hash has one now.
    expect(vanished).toBeGreaterThanOrEqual(900);
    expect([expiring + vanished, appeared]).toEqual([1_201, 1]);
    await reach(target).restore(() => createReadStream(file));
    expect(await target.command('EXISTS', 'late', 'hash', 'key:1', 'key:4')).toBe(0);
    expect(await target.command('EXISTS', 'key:2', 'key:3', 'set', 'list')).toBe(4);
  });

  it('is of one database, and says beforehand how many keys of it will be in it', async () => {
    await source.command('MSET', 'a', '1', 'b', '2', 'c', '3', 'd', '4');
    for (const name of ['a', 'b', 'c']) await source.command('MOVE', name, 3);
    await source.command('SET', 'e', '5', 'PX', 60_000);
    const progress: BackupProgress[] = [];
    const onProgress = (step: BackupProgress): void => void progress.push(step);
    const { manifest } = await take({ url: `${source.url}/3` }, { onProgress });
    expect([manifest.records, manifest.skipped]).toEqual([3, { expiring: 0, vanished: 0, appeared: 0 }]);
    expect((await take(source)).manifest).toMatchObject({ records: 1, skipped: { expiring: 1, appeared: 0 } });
    expect(progress.map(({ phase, records, expectedRecords }) => [phase, records, expectedRecords])).toEqual([
      ['listing', 3, 3],
      ['dumping', 3, 3],
      ['checking', 3, 3],
      ['done', 3, 3],
    ]);
  });

  it('B1 every truncation and every flipped byte is found before anything is written', async () => {
    await fill(source, 30);
    const { bytes, manifest } = await take(source, { mode: 'complete' });
    const ends = new Set<number>();
    for (let at = 0; at < bytes.length;) {
      const keyLength = bytes.readUInt32BE(at);
      at += 8 + keyLength + bytes.readUInt32BE(at + 4 + keyLength);
      ends.add(at);
    }
    for (let cut = 0; cut < bytes.length; cut++) {
      const short = bytes.subarray(0, cut);
      await expect(verifyBackup(pieces(short), { manifest })).rejects.toThrow(DamagedBackupError);
      // Without the manifest, a cut between two chunks can't be told, and that is said.
      if (cut === 0 || ends.has(cut)) expect((await verifyBackup(pieces(short))).endIsKnown).toBe(false);
      else await expect(verifyBackup(pieces(short))).rejects.toThrow(DamagedBackupError);
    }
    for (let at = 0; at < bytes.length; at++) {
      const flipped = Buffer.from(bytes);
      flipped[at] = (flipped[at] as number) ^ 0x10;
      await expect(verifyBackup(pieces(flipped), { manifest })).rejects.toThrow(DamagedBackupError);
    }
    const flipped = Buffer.from(bytes);
    // The last byte of a value: 2 bytes of version and 8 of CRC-64 follow.
    flipped[bytes.length - 11] = (flipped[bytes.length - 11] as number) ^ 1;
    await expect(reach(target).restore(() => pieces(flipped))).rejects.toThrow(DamagedBackupError);
    await expect(reach(target).restore(() => pieces(bytes.subarray(0, -5)))).rejects.toThrow(DamagedBackupError);
    expect(await target.command('DBSIZE')).toBe(0);
  });

  it('a restore tells how much of the backup is verified, and then how much of it is restored', async () => {
    await fill(source, 30);
    const { bytes, manifest } = await take(source);
    const restore = async (options: RestoreBackupOptions) => {
      const told: BackupProgress[] = [];
      const onProgress = (step: BackupProgress): void => void told.push(step);
      await reach(target).restore(() => pieces(bytes, 100), { ...options, onProgress, replace: true });
      return told;
    };
    const { length } = bytes;
    const done = { phase: 'done', records: manifest.records, bytes: length, expectedBytes: length };
    for (const options of [{ manifest }, { expectedBytes: length }]) {
      const [verifying, restoring, end, ...more] = await restore(options);
      expect(verifying).toMatchObject({ phase: 'verifying', expectedBytes: length });
      // It is told while it reads: these are the pieces up to the end of the first chunks.
      expect(verifying?.bytes).toBeLessThan(length / 2);
      expect(restoring).toMatchObject({ phase: 'restoring', expectedRecords: manifest.records, expectedBytes: length });
      expect([end, more]).toEqual([expect.objectContaining(done), []]);
    }
    expect((await restore({}))[0]).toMatchObject({ phase: 'verifying', expectedRecords: 0, expectedBytes: 0 });
    const told: BackupProgress[] = [];
    await verifyBackup(pieces(bytes), { manifest, onProgress: (step) => told.push(step) });
    expect(told.map(({ phase }) => phase)).toEqual(['verifying', 'done']);
  });

  it('a restore touches nothing where a key is in the way, unless it is to replace', async () => {
    await source.command('MSET', 'a', 'new', 'b', 'new');
    await target.command('MSET', 'b', 'old', 'c', 'old');
    const { file, manifest } = await take(source);
    const restore = (replace: boolean) => reach(target).restore(() => createReadStream(file), { manifest, replace });
    await expect(restore(false)).rejects.toThrow(RestoreRefusedError);
    expect((await target.command('MGET', 'a', 'b', 'c')) as unknown[]).toEqual([
      null,
      Buffer.from('old'),
      Buffer.from('old'),
    ]);
    expect(await restore(true)).toMatchObject({ records: 2, replaced: 1 });
    expect(String(await target.command('MGET', 'a', 'b', 'c'))).toBe('new,new,old');
  });

  it('a newer dump is refused before anything is written', async () => {
    await source.command('MSET', 'a', 'x', 'b', 'y');
    const { bytes } = await take(source);
    const newer = Buffer.from((await source.command('DUMP', 'a')) as Buffer);
    newer.writeUInt16LE(999, newer.length - 10);
    // Redis takes a checksum of zero for "none"; a newer server's would be right, so this one is made right.
    const signed = await withCrc(newer);
    const mixed = Buffer.concat([bytes, ...chunksOf(KeyNames.of([Buffer.from('newer')]), [signed])]);
    await expect(reach(target).restore(() => pieces(mixed))).rejects.toThrow(/format 999, and the server reads up to/);
    expect(await target.command('DBSIZE')).toBe(0);
  });

  it.each([
    // What LZF has made smaller, of which eight bytes are to say the length, and as many behind them.
    ['a', (own: number) => [0, 0xc3, 0x81, own], (dump: Buffer) => (dump[11] as number) > 0x80],
    // A hash whose first field would end far behind the dump.
    ['documents:written', (own: number) => [4, 1, 0x80, 255, 255, 255, own], () => true],
  ])(
    'a dump of which the checksum is right and a length is not is refused by the server: %s',
    async (key, bodyOf, isOdd) => {
      await source.command('SET', 'a', 'x');
      const version = ((await source.command('DUMP', 'a')) as Buffer).subarray(-10);
      let dump: Buffer;
      let own = 0;
      do dump = await withCrc(Buffer.concat([Buffer.from(bodyOf(own++)), version]));
      while (!isOdd(dump));
      const bytes = Buffer.concat([...chunksOf(KeyNames.of([Buffer.from(key)]), [dump])]);
      await expect(reach(target).restore(() => pieces(bytes))).rejects.toThrow(
        /it refuses a dump \(ERR Bad data format\)/,
      );
      expect(await target.command('DBSIZE')).toBe(0);
    },
  );

  it('goes to an object store, which keeps nothing of one that fails', async () => {
    await source.command('SET', 'k1', 'hello');
    const objects = memoryObjectStore();
    const key = 's3_files/backup/redis/1.bak';
    const backup = reach(source);
    const { manifest, stored } = await backup.takeInto((body) => objects.put(key, body, { only: 'absent' }));
    expect([stored.size, stored.sha256]).toEqual([manifest.bytes, manifest.sha256]);
    const open = async function* (): AsyncGenerator<Buffer> {
      yield* (await objects.open(key)).body as AsyncIterable<Buffer>;
    };
    expect(await reach(target).restore(open, { manifest })).toMatchObject({ records: 1 });
    expect(await target.text('GET', 'k1')).toBe('hello');

    // Refused at once, cut in the middle by the store, and given up by the caller.
    await expect(backup.takeInto((body) => objects.put(key, body, { only: 'absent' }))).rejects.toThrow('stands there');
    for (let n = 0; n < 80; n++) await source.command('SET', `large:${n}`, randomBytes(100_000));
    await expect(backup.takeInto((body) => objects.put('cut', body, { maxBytes: 2_000_000 }))).rejects.toThrow(
      '2000000 bytes that are allowed',
    );
    const signal = AbortSignal.abort(new Error('given up'));
    await expect(backup.takeInto((body) => objects.put('aborted', body), { signal })).rejects.toThrow('given up');
    expect([await objects.head('cut'), await objects.head('aborted')]).toEqual([undefined, undefined]);
    const stream = new PassThrough();
    const taking = backup.take(stream);
    setImmediate(() => stream.destroy());
    await expect(taking).rejects.toThrow('closed before the backup had ended');
  });

  it.each<[string, () => ObjectStore]>([
    ['a folder', () => folderObjectStore({ directory: join(folder, 'objects') })],
    ['memory', memoryObjectStore],
  ])('that %s does not take rejects with why', async (_, store) => {
    for (let n = 0; n < 80; n++) await source.command('SET', `large:${n}`, randomBytes(100_000));
    const objects = store();
    const backup = reach(source);
    const take = backup.take.bind(backup);
    let taking: ReturnType<typeof take> | undefined;
    backup.take = (...args) => (taking = take(...args));
    const put = (body: Readable): Promise<unknown> =>
      objects.put('large', body, { maxBytes: 2_000_000 }).catch(async (error: unknown) => {
        // An object store may have to tidy up before it says why. By then the backup has found its stream closed.
        await taking?.catch(() => {});
        throw error;
      });
    await expect(backup.takeInto(put)).rejects.toThrow(ObjectSizeError);
    expect(await objects.head('large')).toBe(undefined);
  });

  describe.each([1, 80])('of %i values', (count) => {
    let backup: RedisBackup;
    let hasEnded: boolean;
    beforeEach(async () => {
      for (let n = 0; n < count; n++) await source.command('SET', `large:${n}`, randomBytes(100_000));
      backup = reach(source);
      hasEnded = false;
      const take = backup.take.bind(backup);
      backup.take = (...args) => {
        const its = take(...args);
        void its.catch(() => {}).finally(() => (hasEnded = true));
        return its;
      };
    });

    it.each<[string, (body: Readable) => Promise<unknown>]>([
      ['none of it', () => Promise.resolve()],
      [
        'none of it while the backup has written what it can',
        (body) => eventually(() => expect(hasEnded || (body as PassThrough).writableNeedDrain).toBe(true)),
      ],
      ['its first piece', async (body) => void (await body[Symbol.asyncIterator]().next())],
      [
        'its first piece, and leaves it',
        async (body) => {
          for await (const _ of body) break;
        },
      ],
    ])('is none where what it is put into reads %s', async (_, put) => {
      let body: Readable | undefined;
      const stored = backup.takeInto((its) => put((body = its)));
      await expect(stored).rejects.toThrow('before it had read the whole backup');
      expect([hasEnded, body?.destroyed]).toEqual([true, true]);
    });

    it('has ended where what it is put into throws', async () => {
      let body: Readable | undefined;
      const stored = backup.takeInto((its) => {
        body = its;
        throw new Error('no such bucket');
      });
      await expect(stored).rejects.toThrow('no such bucket');
      expect([hasEnded, body?.destroyed]).toEqual([true, true]);
    });
  });

  it('strict ends as soon as its stream is closed: it lists and dumps no more for nobody', async () => {
    await fill(source);
    const stream = new PassThrough();
    const phases = new Set<string>();
    const onProgress = ({ phase }: BackupProgress): void => {
      phases.add(phase);
      stream.destroy();
    };
    await expect(reach(source).take(stream, { onProgress })).rejects.toThrow('closed before the backup had ended');
    expect([...phases]).toEqual(['listing']);
  });

  it('rejects with why its stream has failed, also before the stream tells of it', async () => {
    await fill(source);
    let hasClosed = (): void => {};
    const stream = new Writable({
      highWaterMark: 2 ** 30,
      write: (_chunk, _encoding, done) => done(new Error('no room')),
      destroy: (error, done) => (hasClosed = () => done(error)),
    });
    await expect(reach(source).take(stream)).rejects.toThrow('no room');
    expect(stream.destroyed).toBe(true);
    hasClosed();
  });

  it('rejects with why its stream could not be opened, also before Redis has answered', async () => {
    const stream = createWriteStream(join(folder, 'no', 'redis.bak'));
    await expect(reach(source).take(stream)).rejects.toMatchObject({ code: 'ENOENT' });
    const refused = createWriteStream(join(folder, 'no', 'redis.bak'));
    const closed = new Promise<void>((resolve) => refused.once('close', resolve));
    await expect(reach(source).take(refused, { mode: 'complet' } as never)).rejects.toThrow(InvalidOptionError);
    await closed;
  });

  it.each<[string, () => ObjectStore]>([
    ['a folder', () => folderObjectStore({ directory: join(folder, 'objects') })],
    ['memory', memoryObjectStore],
  ])('of a Redis that is away, into %s, rejects with why, and leaves no object', async (_, store) => {
    const objects = store();
    const away = reach({ url: 'redis://127.0.0.1:1' });
    for (const isLate of [false, true]) {
      const taking = away.takeInto(async (body) => {
        // An object store may look at other things before it looks at the body.
        if (isLate) await new Promise((resolve) => body.once('close', resolve));
        return objects.put('away', body);
      });
      await expect(taking).rejects.toThrow(/redis 127\.0\.0\.1:1: no connection/);
    }
    expect(await objects.head('away')).toBe(undefined);
  });

  it('of a Cluster holds what all its nodes hold, and restores to one', async () => {
    const cluster = await startRedisCluster();
    const urls = { url: `redis://${cluster.nodes.map(({ address }) => address).join(',')}` };
    const keys = Array.from({ length: 60 }, (_, index) =>
      // A half of them is no text: the slot of a key is that of its bytes.
      index % 2 === 0 ? Buffer.from(`{${index}}k`) : Buffer.from([255, index, 0]),
    );
    for (const key of keys) {
      const slot = Number(await cluster.nodes[0]?.command('CLUSTER', 'KEYSLOT', key));
      await cluster.ownerOf(slot).command('SET', key, 'v');
    }
    const { file, manifest } = await take(urls);
    expect(manifest.records).toBe(60);
    await Promise.all(cluster.nodes.map((node) => node.command('FLUSHALL')));
    await reach(urls).restore(() => createReadStream(file), { manifest });
    const sizes = await Promise.all(cluster.nodes.map((node) => node.command('DBSIZE')));
    expect(sizes.reduce<number>((sum, size) => sum + Number(size), 0)).toBe(60);
    await cluster.stop();
  });

  describe('of a Cluster', () => {
    let cluster: RedisClusterProcesses;
    let whole: { url: string };
    /** Of the third node, with a key in it. */
    let slot: number;
    beforeAll(async () => {
      cluster = await startRedisCluster();
      whole = { url: `redis://${cluster.nodes.map(({ address }) => address).join(',')}` };
      for (let number = 0; number < 100; number++) {
        const at = Number(await cluster.nodes[0]?.command('CLUSTER', 'KEYSLOT', number));
        await cluster.ownerOf(at).command('SET', number, 'v');
        if (cluster.ownerOf(at) === cluster.nodes[2]) slot = at;
      }
    });
    afterAll(() => cluster.stop());

    it.each(['strict', 'complete'] as const)(
      'is refused where slots move while it is taken, and taken once they have arrived: %s',
      async (mode) => {
        const [first, second, third] = cluster.nodes as [RedisProcess, RedisProcess, RedisProcess];
        let move: Promise<void> | undefined;
        const onProgress = (): void => {
          if (move) return;
          // The first was asked for its keys. The second answers once the slot has gone from the third to the first.
          second.pause();
          move = moveSlot({ ...cluster, nodes: [first, third] }, slot, third, first).finally(() => second.resume());
        };
        await expect(take(whole, { mode, onProgress })).rejects.toThrow(/slots have moved/);
        await move;
        expect((await take(whole, { mode })).manifest.records).toBe(100);
        await moveSlot(cluster, slot, first, third);
      },
    );

    it('is refused while a slot is on its way, and where it would hold what one node holds', async () => {
      const [first, , third] = cluster.nodes as [RedisProcess, RedisProcess, RedisProcess];
      await third.command('CLUSTER', 'SETSLOT', slot, 'MIGRATING', await first.text('CLUSTER', 'MYID'));
      await expect(take(whole)).rejects.toThrow(/slots are on their way/);
      await third.command('CLUSTER', 'SETSLOT', slot, 'STABLE');
      await expect(take(first)).rejects.toThrow(/other nodes of its Cluster/);
    });
  });

  it('and its restore need no more rights than the page says', async () => {
    const page = readFileSync('docs/backups.md', 'utf8');
    await source.command('SET', 'k', 'v');
    for (const [server, user] of [
      [source, 'backup'],
      [target, 'restore'],
    ] as const) {
      const rights = new RegExp(`ACL SETUSER ${user} on >PASSWORD (.*)`).exec(page)?.[1] ?? '';
      await server.command('ACL', 'SETUSER', user, 'on', '>secret', ...rights.split(' '));
    }
    const as = ({ url }: RedisProcess, user: string) => ({ url: url.replace('redis://', `redis://${user}:secret@`) });
    const { file, manifest } = await take(as(source, 'backup'));
    await reach(as(target, 'restore')).restore(() => createReadStream(file), { manifest });
    expect(await target.text('GET', 'k')).toBe('v');
  });

  it('is refused where the server becomes a replica while it is taken', async () => {
    await fill(source);
    const stream = new Writable({
      highWaterMark: 1,
      write: (_chunk, _encoding, done) => {
        source.command('REPLICAOF', '127.0.0.1', 1).then(() => done(), done);
      },
    });
    try {
      await expect(reach(source).take(stream, { mode: 'complete' })).rejects.toThrow(/a primary no more/);
    } finally {
      await source.command('REPLICAOF', 'NO', 'ONE');
    }
  });

  it('repeated keys restore to the later', async () => {
    await source.command('SET', 'a', 'one');
    const first = (await take(source)).bytes;
    await source.command('SET', 'a', 'two');
    const file = join(folder, 'twice.bak');
    writeFileSync(file, Buffer.concat([first, (await take(source)).bytes]));
    expect(await reach(target).restore(() => createReadStream(file))).toMatchObject({ records: 2, endIsKnown: false });
    expect(await target.text('GET', 'a')).toBe('two');
    // A key is there once, however often the backup holds it.
    await target.command('SET', 'a', 'old');
    const restore = (replace: boolean) => reach(target).restore(() => createReadStream(file), { replace });
    await expect(restore(false)).rejects.toThrow("1 of the backup's keys are there already");
    expect(await restore(true)).toMatchObject({ records: 2, replaced: 1 });
    expect(await target.text('GET', 'a')).toBe('two');
  });

  it('a restore whose source is another one once it was verified rejects, and says that keys may be restored', async () => {
    await source.command('MSET', 'a', 'one', 'b', 'one');
    const { bytes, manifest } = await take(source);
    await source.command('MSET', 'a', 'two', 'b', 'two');
    const another = (await take(source)).bytes;
    const firstEnd = 8 + 1 + bytes.readUInt32BE(5);
    await source.command('FLUSHALL');
    await source.command('SET', 'c', 'another key');
    const ofAnotherKey = (await take(source)).bytes;
    for (const [second, at] of [
      [another, another.length],
      [ofAnotherKey, 0],
      [bytes.subarray(0, firstEnd), firstEnd],
      [bytes.subarray(0, -1), firstEnd],
    ] as const) {
      const sources = [bytes, second];
      const restoring = reach(target).restore(() => pieces(sources.shift() as Buffer), { manifest, replace: true });
      await expect(restoring).rejects.toThrow(DamagedBackupError);
      await expect(restoring).rejects.toThrow(
        `at byte ${at}: its bytes are not those that were verified. It changed while it was restored, and some keys may be restored`,
      );
      await expect(restoring).rejects.not.toThrow('None of it');
    }
    expect(await target.command('EXISTS', 'a', 'b', 'c')).toBe(2);
  });
});

/** The names of all keys, a thousand or so at a time. */
async function* pagesOf(wire: RedisWire): AsyncGenerator<readonly Buffer[], void> {
  for (let cursor = '0', isFirst = true; isFirst || cursor !== '0'; isFirst = false) {
    const [next, names] = (await wire.command('SCAN', cursor, 'COUNT', 1_000)) as [Buffer, Buffer[]];
    cursor = next.toString();
    yield names;
  }
}

/** The dump with a checksum that matches. */
async function withCrc(dump: Buffer): Promise<Buffer> {
  const polynomial = 0x95ac9329ac4bc9b5n;
  let crc = 0n;
  for (const byte of dump.subarray(0, -8)) {
    crc ^= BigInt(byte);
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1n) === 0n ? crc >> 1n : (crc >> 1n) ^ polynomial;
  }
  const signed = Buffer.from(dump);
  signed.writeBigUInt64LE(crc, dump.length - 8);
  expect(endsWithItsCrc(signed)).toBe(true);
  return Promise.resolve(signed);
}

/** Hash tables are dumped in whatever order they are in, and the check at the end goes by it. */
function isSameDump(one: unknown, other: unknown): boolean {
  if (!Buffer.isBuffer(one) || !Buffer.isBuffer(other)) return false;
  return one.equals(other) || one.subarray(0, -10).sort().equals(other.subarray(0, -10).sort());
}
