import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { defineKey } from '../../src/catalogue/define-key.js';
import { json } from '../../src/codec/json.js';
import { versionedKey } from '../../src/key/key.js';
import { PartialTransactionError, TransactionOverError, UnknownOutcomeError } from '../../src/record/record-errors.js';
import { redisRecords } from '../../src/record/redis-records.js';
import type { RedisRecords, RedisRecordsOptions } from '../../src/record/redis-records.js';
import type { RecordSnapshot } from '../../src/record/record-snapshot.js';
import type { RecordTransaction } from '../../src/record/transaction.js';
import { onCacheEvent } from '../../src/value/events.js';
import {
  ConflictError,
  InvalidDurationError,
  InvalidKeyError,
  InvalidOptionError,
  StoreUnavailableError,
  UndecodableError,
} from '../../src/value/errors.js';
import { memoryStore } from '../../src/store/memory-store.js';
import { buildCache } from '../support/build-cache.js';
import { eventually } from '../support/eventually.js';
import { startRedis } from '../support/redis-process.js';
import type { RedisProcess } from '../support/redis-process.js';
import { startTcpProxy } from '../support/tcp-proxy.js';
import { dataCap, lockbookKeys, metadata, ownedFiles } from './lockbook.js';
import { patience } from '../support/patience.js';

const publicKey = 'A2zx+/Qx=';

/** Besides the one that asks. */
async function expectConnections(redis: RedisProcess, expected: number): Promise<void> {
  await eventually(async () => {
    const list = await redis.text('CLIENT', 'LIST');
    expect(list.trim().split('\n')).toHaveLength(expected + 1);
  });
}

describe.each(['built-in', 'redis'] as const)('Records through %s', (driver) => {
  let server: RedisProcess;
  const opened: RedisRecords[] = [];
  const open = (further: Partial<RedisRecordsOptions> = {}, url = server.url): RedisRecords => {
    const connection = { url, driver, ...patience };
    const records = redisRecords({ connection, keys: lockbookKeys, onWarning: () => {}, ...further });
    opened.push(records);
    return records;
  };
  beforeAll(async () => void (server = await startRedis()));
  beforeEach(() => server.command('FLUSHALL'));
  afterEach(() => Promise.all(opened.splice(0).map((records) => records.close())));
  afterAll(() => server.stop());

  it('stand literally, as JSON', async () => {
    const records = open();
    await records.set(ownedFiles({ publicKey }), ['a', 'b']);
    expect(await server.text('GET', `public_key:${publicKey}:owned_files`)).toBe('["a","b"]');
    expect(await records.get(ownedFiles({ publicKey }))).toEqual(['a', 'b']);
    await server.command('SET', 'file_id:x:metadata', '{"owner":"o","version":3}');
    expect(await records.get(metadata({ id: 'x' }))).toEqual({ owner: 'o', version: 3 });
    expect(await records.delete(metadata({ id: 'x' }))).toBe(true);
    expect(await records.delete(metadata({ id: 'x' }))).toBe(false);
  });

  it('are read many at a time by one MGET, in the order of the keys, whatever is missing', async () => {
    const records = open();
    for (const id of ['a', 'c']) await records.set(metadata({ id }), { owner: id, version: 1 });
    await server.command('CONFIG', 'RESETSTAT');
    const found = await records.getMany(['x', 'a', 'b', 'a', 'c', 'x'].map((id) => metadata({ id })));
    expect(found.map((value) => value?.owner)).toEqual([undefined, 'a', undefined, 'a', 'c', undefined]);
    expect((await server.info('commandstats'))['cmdstat_mget']).toMatch(/^calls=1,/);
    expect(await records.getMany([])).toEqual([]);
    expect(await records.getMany([metadata({ id: 'none' })])).toEqual([undefined]);
  });

  it('are read many at a time by few commands, however many are missing, also in a transaction', async () => {
    const proxy = await startTcpProxy(server.port);
    let commands = 0;
    const release = proxy.holdCommands((chunk) => {
      commands += chunk.toString('latin1').match(/(?<=^|\r\n)\*\d+\r\n/g)?.length ?? 0;
      return -1;
    });
    try {
      const records = open({}, `redis://127.0.0.1:${proxy.port}`);
      const keys = Array.from({ length: 400 }, (_, index) => metadata({ id: `${index}` }));
      await records.transaction((tx) => tx.getMany(keys.slice(0, 2)));
      await server.command('SCRIPT', 'FLUSH', 'SYNC'); // the source of a script that is not known any more is sent again
      for (const read of [
        () => records.getMany(keys),
        () => records.transaction(async (tx) => void (await tx.getMany(keys))),
      ]) {
        commands = 0;
        await read();
        expect(commands).toBeGreaterThan(1);
        expect(commands).toBeLessThan(20);
      }
    } finally {
      release();
      await proxy.close();
    }
  });

  it('a list, a set or a hash under the key of a record is not taken for none: reading it fails, and nothing replaces it', async () => {
    const records = open({ connections: 1 });
    await server.command('SADD', 'file_id:s:metadata', 'x');
    await records.set(metadata({ id: 'a' }), { owner: 'a', version: 1 });
    const [key, ...others] = ['s', 'a', 'none'].map((id) => metadata({ id })) as [ReturnType<typeof metadata>];
    const readAndReplace = (keys: (typeof key)[]) =>
      records.transaction(async (tx) => {
        const found = await tx.getMany(keys);
        tx.set(key, found[0] ?? { owner: 'b', version: 1 });
      });
    const readings: (() => Promise<unknown>)[] = [
      () => records.get(key),
      () => records.read(key),
      () => records.getMany([key, ...others]),
      () => readAndReplace([key]),
      () => readAndReplace([key, ...others]),
    ];
    for (const reading of readings) {
      const error: unknown = await reading().catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(UndecodableError);
      expect(error).toMatchObject({ message: expect.stringMatching(/file_id:s:metadata.*WRONGTYPE/) });
    }
    expect(await server.text('TYPE', 'file_id:s:metadata')).toBe('set');
    expect(await records.getMany(others)).toEqual([{ owner: 'a', version: 1 }, undefined]);
    await expectConnections(server, 2);
  });

  it('have the SHA-256 of their bytes for a version', async () => {
    const records = open();
    await records.set(dataCap({ publicKey }), 30);
    const { value, version, exists } = await records.read(dataCap({ publicKey }));
    expect([value, version, exists]).toEqual([30, createHash('sha256').update('30').digest('hex'), true]);
    const none = await records.read(dataCap({ publicKey: 'nobody' }));
    expect([none.value, none.version, none.exists]).toEqual([undefined, 'none', false]);
  });

  it('are what a cache has made its entry from, as long as they are the same', async () => {
    const records = open();
    const key = ownedFiles({ publicKey });
    const cache = await buildCache({ store: memoryStore() });
    let made = 0;
    const listing = async (): Promise<string> => {
      const { value, version } = await records.read(key);
      return cache.getOrSet('listing', () => `${++made}: ${value?.join() ?? 'none'}`, { version, ttl: '1h' });
    };
    await records.set(key, ['a']);
    expect([await listing(), await listing()]).toEqual(['1: a', '1: a']);
    await records.set(key, ['a', 'b']);
    expect([await listing(), await listing()]).toEqual(['2: a,b', '2: a,b']);
    await records.delete(key);
    expect([await listing(), await listing()]).toEqual(['3: none', '3: none']);
    await records.set(key, ['a', 'b']);
    expect(await listing()).toBe('4: a,b');
    await cache.close();
  });

  it('may end by themselves', async () => {
    const records = open();
    await records.set(dataCap({ publicKey }), 1, { ttl: '1m' });
    const left = Number(await server.command('PTTL', `public_key:${publicKey}:data_cap`));
    expect(left).toBeGreaterThan(50_000);
    await records.transaction((tx) => tx.set(dataCap({ publicKey }), 2, { ttl: '2m' }));
    expect(Number(await server.command('PTTL', `public_key:${publicKey}:data_cap`))).toBeGreaterThan(110_000);
  });

  it('change nothing where one of them shall live for longer than Redis can count, or no time at all', async () => {
    const records = open();
    const [cap, files] = [await records.read(dataCap({ publicKey })), await records.read(ownedFiles({ publicKey }))];
    for (const ttl of [Number.MAX_VALUE, 2 ** 53, Infinity, 0]) {
      const writes: (() => Promise<unknown>)[] = [
        async () => records.compareAndSet(files.changedTo(['x']), cap.changedTo(1, { ttl })),
        () => records.set(dataCap({ publicKey }), 1, { ttl }),
        () =>
          records.transaction((tx) => {
            tx.set(ownedFiles({ publicKey }), ['x']);
            tx.set(dataCap({ publicKey }), 1, { ttl });
          }),
      ];
      for (const write of writes) await expect(write()).rejects.toThrow(InvalidDurationError);
    }
    expect(await server.command('DBSIZE')).toBe(0);
    const change = cap.changedTo(1, { ttl: Number.MAX_SAFE_INTEGER });
    expect(await records.compareAndSet(change)).toBe('stored');
    await records.set(dataCap({ publicKey }), 2, { ttl: Number.MAX_SAFE_INTEGER });
  });

  it('are changed by comparison, all of them or none', async () => {
    const records = open();
    await records.set(dataCap({ publicKey }), 1);
    const [cap, files] = [await records.read(dataCap({ publicKey })), await records.read(ownedFiles({ publicKey }))];
    expect(await records.compareAndSet(cap.changedTo(2))).toBe('stored');
    await server.command('SCRIPT', 'FLUSH', 'SYNC');
    expect(await records.compareAndSet(cap.changedTo(3))).toBe('changed');
    const fresh = await records.read(dataCap({ publicKey }));
    expect(await records.compareAndSet(files.changedTo(['x']), cap.changedTo(4))).toBe('changed');
    expect(await records.get(ownedFiles({ publicKey }))).toBeUndefined();
    expect(await records.compareAndSet(files.changedTo(['x'], { ttl: '1m' }), fresh.changedTo(undefined))).toBe(
      'stored',
    );
    expect(await records.get(ownedFiles({ publicKey }))).toEqual(['x']);
    expect(await records.get(dataCap({ publicKey }))).toBeUndefined();
    expect(await records.compareAndSet(fresh.changedTo(9))).toBe('changed');
  });

  it('refuse keys of other classes, colons in parts, patterns that could meet, and a Cluster', async () => {
    const records = open();
    const other = defineKey('stripe:{id}', { codec: json<string>() });
    await expect(records.get(other({ id: 'x' }))).rejects.toThrow(InvalidKeyError);
    await expect(records.get(dataCap({ publicKey: 'a:b' }))).rejects.toThrow(/holds a colon/);
    await expect(records.get(dataCap({ publicKey: '' }))).rejects.toThrow(/is empty/);
    expect(() => open({ keys: [dataCap, defineKey('{a}:{b}:{c}', {})] })).toThrow(InvalidOptionError);
    expect(() => redisRecords({ connection: { cluster: ['a:1'] }, keys: [] })).toThrow(/do not work in a Cluster/);
    expect(() => redisRecords({ conection: {} } as unknown as RedisRecordsOptions)).toThrow(/Did you mean connection/);
    const node = await startRedis({ args: ['--cluster-enabled', 'yes'] });
    await expect(open({}, node.url).open()).rejects.toThrow(/do not work in a Cluster/);
    await node.stop();
  });

  it('refuse options that there are none of, and keys of no class', async () => {
    const records = open();
    const key = dataCap({ publicKey });
    const misspelt = { tll: 5 } as object;
    await expect(records.set(key, 1, misspelt)).rejects.toThrow('tll: The write of a record has no such option');
    const snapshot = await records.read(key);
    expect(() => snapshot.changedTo(1, misspelt)).toThrow(InvalidOptionError);
    await expect(records.transaction((tx) => tx.set(key, 1, misspelt))).rejects.toThrow(InvalidOptionError);
    await expect(records.transaction(() => 1, { attempt: 3 } as object)).rejects.toThrow('Did you mean attempts?');
    expect(await records.get(key)).toBeUndefined();
    for (const given of ['text', versionedKey('a'), undefined] as never[]) {
      await expect(records.get(given)).rejects.toThrow(InvalidKeyError);
      await expect(records.delete(given)).rejects.toThrow(/made by a key class/);
      await expect(records.transaction((tx) => tx.get(given))).rejects.toThrow(InvalidKeyError);
    }
  });

  it('leave no connection behind where a transaction meets a Cluster', async () => {
    const node = await startRedis({ args: ['--cluster-enabled', 'yes'] });
    try {
      const records = open({}, node.url);
      for (let attempt = 0; attempt < 3; attempt++) {
        const outcome = records.transaction((tx) => tx.get(dataCap({ publicKey })));
        await expect(outcome).rejects.toThrow(/do not work in a Cluster/);
      }
      await expectConnections(node, 0);
    } finally {
      await node.stop();
    }
  });

  it('a transaction reads what it has set, and happens at once or not at all', async () => {
    const records = open();
    const outcome = await records.transaction(async (tx) => {
      tx.set(dataCap({ publicKey }), 5);
      tx.delete(ownedFiles({ publicKey }));
      expect(await tx.getMany([dataCap({ publicKey })])).toEqual([5]);
      expect(await tx.get(ownedFiles({ publicKey }))).toBeUndefined();
      expect(await server.command('EXISTS', `public_key:${publicKey}:data_cap`)).toBe(0);
      return 'done';
    });
    expect(outcome).toEqual({ status: 'committed', value: 'done', attempts: 1 });
    expect(await records.get(dataCap({ publicKey }))).toBe(5);
    const aborted = await records.transaction((tx) => {
      tx.set(dataCap({ publicKey }), 6);
      return tx.abort('over-cap');
    });
    expect(aborted).toEqual({ status: 'aborted', reason: 'over-cap' });
    const failure = new Error('of the body');
    await expect(
      records.transaction((tx) => {
        tx.set(dataCap({ publicKey }), 7);
        throw failure;
      }),
    ).rejects.toBe(failure);
    expect(await records.get(dataCap({ publicKey }))).toBe(5);
  });

  it('a transaction whose value has a reason of its own is committed with it', async () => {
    const records = open();
    const outcome = await records.transaction(() => ({ reason: 'full', left: 3 }));
    if (outcome.status !== 'committed') throw new Error('aborted');
    const { left }: { readonly left: number } = outcome.value;
    // @ts-expect-error the value is no text
    const text: string = outcome.value;
    expect([left, text]).toEqual([3, { reason: 'full', left: 3 }]);
  });

  it.each<[string, (by: RedisProcess) => Promise<unknown>]>([
    ['changes', (by) => by.command('SET', `public_key:${publicKey}:data_cap`, '2')],
    [
      'expires',
      async (by) => {
        await by.command('PEXPIRE', `public_key:${publicKey}:data_cap`, 1);
        await eventually(async () => expect(await by.command('EXISTS', `public_key:${publicKey}:data_cap`)).toBe(0));
      },
    ],
    ['is removed', (by) => by.command('DEL', `public_key:${publicKey}:data_cap`)],
  ])('a body whose record %s meanwhile runs again', async (_, disturb) => {
    const records = open();
    await records.set(dataCap({ publicKey }), 1);
    for (const end of ['write', 'throw', 'abort', 'read'] as const) {
      await records.set(dataCap({ publicKey }), 1);
      let runs = 0;
      const outcome = await records
        .transaction(async (tx) => {
          const cap = await tx.get(dataCap({ publicKey }));
          if (++runs === 1) await disturb(server);
          if (end === 'write') tx.set(ownedFiles({ publicKey }), [`${cap}`]);
          if (end === 'throw') throw new RangeError(`${cap}`);
          return end === 'abort' ? tx.abort(cap) : cap;
        })
        .catch((error: unknown) => error);
      expect([end, runs]).toEqual([end, 2]);
      // What is told is what stands: not the 1 that the first run saw.
      expect(JSON.stringify([outcome, String(outcome)])).not.toMatch(/:1[,}]|RangeError: 1/);
    }
  });

  it('gives up after so many attempts, and says what was contended', async () => {
    const records = open();
    let runs = 0;
    const running = records.transaction(
      async (tx) => {
        runs++;
        await tx.get(dataCap({ publicKey }));
        await server.command('INCR', `public_key:${publicKey}:data_cap`);
        tx.set(ownedFiles({ publicKey }), []);
      },
      { attempts: 3 },
    );
    const error: unknown = await running.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ConflictError);
    expect(error).toMatchObject({ key: `public_key:${publicKey}:data_cap`, tries: 3 });
    expect(runs).toBe(3);
  });

  it.each<[string, string, (records: RedisRecords, snapshot: RecordSnapshot<number>) => Promise<unknown>]>([
    ['compareAndSet', ':0\r\n', (records, snapshot) => records.compareAndSet(snapshot.changedTo(9))],
    ['compareAndSet', ':1\r\n', (records, snapshot) => records.compareAndSet(snapshot.changedTo(9))],
    ['compareAndSet', '*2\r\n$1\r\nw\r\n:0\r\n', (records, snapshot) => records.compareAndSet(snapshot.changedTo(9))],
    ['set', ':1\r\n', (records) => records.set(dataCap({ publicKey }), 9)],
    ['delete', '+OK\r\n', (records) => records.delete(dataCap({ publicKey }))],
    ['delete', ':2\r\n', (records) => records.delete(dataCap({ publicKey }))],
  ])('%s takes no reply to another command for its own: %j', async (_, reply, change) => {
    const proxy = await startTcpProxy(server.port);
    const records = open({}, `redis://127.0.0.1:${proxy.port}`);
    const cap = dataCap({ publicKey });
    // From now on the server knows the script.
    expect(await records.compareAndSet((await records.read(cap)).changedTo(8))).toBe('stored');
    const snapshot = await records.read(cap);
    proxy.replaceNextReply(Buffer.from(reply));
    await expect(change(records, snapshot)).rejects.toThrow(StoreUnavailableError);
    await eventually(() => expect([proxy.armed, proxy.openConnections]).toEqual([false, 0]));
    await records.close();
    await proxy.close();
  });

  it('an end without an answer is an unknown outcome, whole or not at all', async () => {
    const proxy = await startTcpProxy(server.port);
    const records = open({}, `redis://127.0.0.1:${proxy.port}`);
    await records.transaction(async (tx) => void (await tx.get(dataCap({ publicKey }))));
    const running = records.transaction(async (tx) => {
      await tx.get(dataCap({ publicKey }));
      tx.set(dataCap({ publicKey }), 8);
      tx.set(ownedFiles({ publicKey }), ['x']);
      proxy.truncateNextReply(3, 'cut');
    });
    await expect(running).rejects.toThrow(UnknownOutcomeError);
    const stands = [await records.get(dataCap({ publicKey })), await records.get(ownedFiles({ publicKey }))];
    expect([
      [8, ['x']],
      [undefined, undefined],
    ]).toContainEqual(stands);
    await proxy.close();
  });

  it('names the commands that failed inside EXEC; what the server refuses as a whole is not partial', async () => {
    const records = open();
    await server.command('ACL', 'SETUSER', 'default', '-unlink');
    const refused = records.transaction((tx) => {
      tx.set(dataCap({ publicKey }), 1);
      tx.delete(ownedFiles({ publicKey }));
    });
    await expect(refused).rejects.toThrow(StoreUnavailableError);
    await server.command('ACL', 'SETUSER', 'default', '+unlink');
    expect(await records.get(dataCap({ publicKey }))).toBeUndefined();
    const error = new PartialTransactionError([{ command: 'SET', key: 'k', problem: 'OOM' }]);
    expect([error.code, error.message]).toEqual(['PARTIAL_TRANSACTION', expect.stringContaining('SET k (OOM)')]);
  });

  it('a server that refuses MULTI carries out none of a transaction, or the caller is told that some of it happened', async () => {
    const records = open();
    const write = (ids: readonly string[]) =>
      records
        .transaction((tx) => {
          for (const id of ids) tx.set(metadata({ id }), { owner: id, version: 1 });
          tx.delete(ownedFiles({ publicKey }));
        })
        .catch((error: unknown) => error);
    const standing = async (): Promise<string> => String(await server.command('KEYS', 'file_id:*'));
    try {
      await server.command('ACL', 'SETUSER', 'default', '-multi');
      expect(await write(['a'])).toMatchObject({ code: 'STORE_UNAVAILABLE', message: expect.stringMatching(/NOPERM/) });
      expect(await standing()).toBe('');
      await server.command('ACL', 'SETUSER', 'default', '+multi');
      await records.transaction((tx) => tx.get(dataCap({ publicKey })));
      // From here on a connection stands that was asked before.
      await server.command('ACL', 'SETUSER', 'default', '-multi', '-unlink');
      const told = await write(['b']);
      expect(await standing()).toBe('file_id:b:metadata');
      expect(told).toBeInstanceOf(PartialTransactionError);
      const failures = (told as PartialTransactionError).failures.map(({ command, key }) => `${command} ${key}`);
      const owned = `public_key:${publicKey}:owned_files`;
      expect(failures).toEqual([`MULTI file_id:b:metadata ${owned}`, `UNLINK ${owned}`]);
      await server.command('ACL', 'SETUSER', 'default', '+multi');
      await records.transaction((tx) => tx.get(dataCap({ publicKey })));
      await server.command('ACL', 'SETUSER', 'default', '-multi', '-set');
      expect(await write(['c'])).toBeInstanceOf(StoreUnavailableError);
    } finally {
      await server.command('ACL', 'SETUSER', 'default', '+@all');
    }
  });

  it('a transaction of which a server that has become a replica took no command has not happened, for certain', async () => {
    const records = open();
    await records.transaction((tx) => tx.get(dataCap({ publicKey })));
    await server.command('REPLICAOF', '127.0.0.1', 1);
    try {
      const error: unknown = await records
        .transaction((tx) => tx.set(dataCap({ publicKey }), 1))
        .catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(StoreUnavailableError);
      expect(error).toMatchObject({ message: expect.stringMatching(/READONLY/) });
    } finally {
      await server.command('REPLICAOF', 'NO', 'ONE');
    }
    await eventually(() => records.transaction((tx) => tx.set(dataCap({ publicKey }), 2)));
  });

  it('a transaction of which a command was refused has not happened, for certain, also where EXEC has no answer', async () => {
    const proxy = await startTcpProxy(server.port);
    const records = open({}, `redis://127.0.0.1:${proxy.port}`);
    await records.transaction((tx) => tx.get(dataCap({ publicKey })));
    await server.command('CONFIG', 'SET', 'maxmemory', 1);
    await server.command('CONFIG', 'RESETSTAT');
    const release = proxy.holdCommands((chunk) => chunk.indexOf('EXEC'));
    try {
      const refused = expect(records.transaction((tx) => tx.set(dataCap({ publicKey }), 1))).rejects.toThrow(/OOM/);
      const rejected = async () => (await server.info('commandstats'))['cmdstat_set'];
      await eventually(async () => expect(await rejected()).toMatch(/rejected_calls=1/));
      await eventually(() => expect(proxy.held).toBe(1));
      await server.command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
      await refused;
    } finally {
      await server.command('CONFIG', 'SET', 'maxmemory', 0);
      release();
      await proxy.close();
    }
  });

  it('keeps no place where connecting fails, and lets nobody starve', async () => {
    const proxy = await startTcpProxy(server.port);
    const records = open({ connections: 2 }, `redis://127.0.0.1:${proxy.port}`);
    const one = () =>
      records.transaction(async (tx) => void (await tx.get(dataCap({ publicKey }))), { deadline: '10s' });
    await Promise.all(Array.from({ length: 10 }, one));
    await proxy.refuse(true);
    proxy.cut();
    for (let round = 0; round < 5; round++) {
      await Promise.all(Array.from({ length: 4 }, () => expect(one()).rejects.toThrow(StoreUnavailableError)));
    }
    await proxy.refuse(false);
    await Promise.all(Array.from({ length: 10 }, one));
    let release = (): void => {};
    const held = new Promise<void>((resolve) => (release = resolve));
    const holders = [1, 2].map(() => records.transaction(() => held));
    await expect(records.transaction(() => 1, { deadline: 50 })).rejects.toThrow(/none of the 2 connections/);
    const abort = new AbortController();
    const waiting = records.transaction(() => 1, { deadline: '10s', signal: abort.signal });
    abort.abort(new Error('not any more'));
    await expect(waiting).rejects.toThrow('not any more');
    release();
    await Promise.all(holders);
    await Promise.all(Array.from({ length: 4 }, one));
    await proxy.close();
  });

  it.each<[string, RegExp]>([
    ['an abort', /not any more/],
    ['the deadline', /none of the 1 connections/],
  ])('%s ends the wait for a connection that is being made, and the next transaction gets it', async (what, told) => {
    const proxy = await startTcpProxy(server.port);
    const records = open({ connections: 1 }, `redis://127.0.0.1:${proxy.port}`);
    const release = proxy.holdCommands(() => 0);
    try {
      const abort = new AbortController();
      const limit = what === 'an abort' ? { deadline: '1h' as const, signal: abort.signal } : { deadline: 20 };
      let runs = 0;
      const count = (tx: RecordTransaction): void => {
        runs++;
        tx.set(dataCap({ publicKey }), runs);
      };
      const refused = expect(records.transaction(count, limit)).rejects.toThrow(told);
      await eventually(() => expect(proxy.held).toBe(1));
      abort.abort(new Error('not any more'));
      await refused;
      release();
      await records.transaction(count, { deadline: '1h' });
      expect([runs, proxy.accepted]).toEqual([1, 1]);
    } finally {
      release();
      await proxy.close();
    }
  });

  it('a transaction whose body does not wait for what it reads is refused, and writes nothing', async () => {
    const records = open({ connections: 1 });
    const key = dataCap({ publicKey });
    const unhandled: unknown[] = [];
    const note = (reason: unknown): void => void unhandled.push(reason);
    process.on('unhandledRejection', note);
    try {
      for (const end of ['commit', 'abort'] as const) {
        const begun = records.transaction((tx) => {
          void tx.get(key);
          void tx.getMany([key]);
          tx.set(key, 5);
          return end === 'abort' ? tx.abort('enough') : 1;
        });
        await expect(begun).rejects.toThrow(TransactionOverError);
      }
      expect(await records.get(key)).toBeUndefined();
      // Nothing is watched any more, and a body that fails says why.
      const written = await records.transaction(async (tx) => tx.set(key, ((await tx.get(key)) ?? 0) + 1));
      expect(written).toMatchObject({ status: 'committed', attempts: 1 });
      const failed = records.transaction((tx) => {
        void tx.get(key);
        throw new RangeError('enough');
      });
      await expect(failed).rejects.toThrow(RangeError);
      await new Promise(setImmediate);
      expect(unhandled).toEqual([]);
    } finally {
      process.off('unhandledRejection', note);
    }
  });

  it('a transaction that is over can not be used', async () => {
    const records = open();
    let kept: RecordTransaction | undefined;
    await records.transaction((tx) => void (kept = tx));
    expect(() => kept?.set(dataCap({ publicKey }), 1)).toThrow(TransactionOverError);
    await expect(kept?.get(dataCap({ publicKey }))).rejects.toThrow(TransactionOverError);
  });

  it.each<[string, (records: RedisRecords, earlier: RecordSnapshot<number>) => Promise<unknown>]>([
    ['a reading', (records) => records.get(dataCap({ publicKey }))],
    ['a transaction that only reads', (records) => records.transaction((tx) => tx.get(dataCap({ publicKey })))],
    ['a comparison that finds another value', (records, earlier) => records.compareAndSet(earlier.changedTo(3))],
  ])('%s believes no server that was a primary and has become a replica', async (_, read) => {
    const records = open();
    await records.set(dataCap({ publicKey }), 1);
    const earlier = await records.read(dataCap({ publicKey }));
    await records.set(dataCap({ publicKey }), 2);
    await read(records, earlier);
    await server.command('REPLICAOF', '127.0.0.1', 1);
    try {
      for (let time = 0; time < 2; time++) {
        await expect(read(records, earlier)).rejects.toThrow(StoreUnavailableError);
      }
    } finally {
      await server.command('REPLICAOF', 'NO', 'ONE');
    }
    await eventually(() => read(records, earlier));
  });

  it('need no more rights than the page says', async () => {
    const page = readFileSync('docs/records.md', 'utf8');
    const rights = /ACL SETUSER records on >PASSWORD (.*)/.exec(page)?.[1] ?? '';
    await server.command('ACL', 'SETUSER', 'records', 'on', '>secret', ...rights.split(' '));
    const records = open({}, server.url.replace('redis://', 'redis://records:secret@'));
    await records.set(dataCap({ publicKey }), 1, { ttl: '1m' });
    const snapshot = await records.read(dataCap({ publicKey }));
    expect(await records.compareAndSet(snapshot.changedTo(2))).toBe('stored');
    expect(await records.compareAndSet(snapshot.changedTo(3))).toBe('changed');
    const outcome = records.transaction(async (tx) => {
      const cap = await tx.get(dataCap({ publicKey }));
      tx.delete(dataCap({ publicKey }));
      return cap;
    });
    expect(await outcome).toMatchObject({ value: 2 });
    expect(await records.transaction((tx) => tx.get(dataCap({ publicKey })))).toMatchObject({ value: undefined });
    expect(await records.delete(dataCap({ publicKey }))).toBe(false);
    expect(await records.getMany(['x', 'y'].map((id) => metadata({ id })))).toEqual([undefined, undefined]);
  });

  it('warn once where what is committed is only in memory, or may be evicted', async () => {
    const warningsWith = async (...settings: readonly string[]): Promise<string[]> => {
      await server.command('CONFIG', 'SET', ...settings);
      const warnings: string[] = [];
      const records = open({ onWarning: (message) => void warnings.push(message) });
      await records.set(dataCap({ publicKey }), 1);
      await records.transaction((tx) => tx.get(dataCap({ publicKey })));
      expect(await records.get(dataCap({ publicKey }))).toBe(1);
      return warnings;
    };
    try {
      expect(await warningsWith('appendonly', 'no')).toEqual([expect.stringMatching(/append-only.*committed/)]);
      expect(await warningsWith('appendonly', 'yes')).toEqual([]);
      expect(await warningsWith('maxmemory', '100mb', 'maxmemory-policy', 'volatile-lru')).toEqual([]);
      expect(await warningsWith('maxmemory-policy', 'allkeys-lru')).toEqual([expect.stringContaining('allkeys-lru')]);
    } finally {
      await server.command('CONFIG', 'SET', 'appendonly', 'no', 'maxmemory', 0, 'maxmemory-policy', 'noeviction');
    }
  });

  it('work where onWarning throws: that is a fault, and the warning is told again', async () => {
    const faults: string[] = [];
    const stop = onCacheEvent('fault', ({ source, kind, message }) => void faults.push(`${source} ${kind} ${message}`));
    const warnings: string[] = [];
    let isReady = false;
    const onWarning = (message: string): void => {
      if (!isReady) throw new Error('the log is not open yet');
      warnings.push(message);
    };
    const records = open({ onWarning, connections: 1 });
    try {
      const outcome = await records.transaction((tx) => tx.set(dataCap({ publicKey }), 1));
      expect(outcome.status).toBe('committed');
      await expectConnections(server, 1);
      expect(faults).toEqual([expect.stringMatching(/^redis records degraded onWarning threw at: .*append-only/)]);
      isReady = true;
      expect(await records.get(dataCap({ publicKey }))).toBe(1);
      expect(warnings).toEqual([expect.stringContaining('append-only')]);
    } finally {
      stop();
    }
  });

  it('no value shows in an error', async () => {
    const records = open();
    await server.command('CONFIG', 'SET', 'maxmemory', 1);
    const failures = await Promise.all([
      records.set(ownedFiles({ publicKey }), ['hunter2']).catch((error: unknown) => error),
      records.transaction((tx) => tx.set(ownedFiles({ publicKey }), ['hunter2'])).catch((error: unknown) => error),
    ]);
    await server.command('CONFIG', 'SET', 'maxmemory', 0);
    for (const failure of failures) {
      expect(failure).toBeInstanceOf(StoreUnavailableError);
      const { stack, cause } = failure as Error;
      expect(`${stack} ${JSON.stringify([failure, cause])} ${String(cause)}`).not.toContain('hunter2');
    }
  });
});
