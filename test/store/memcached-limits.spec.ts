import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { MemcacheClient } from 'memcache-client';
import { memcachedStore } from '../../src/store/memcached/memcached-store.js';
import type { MemcachedStoreOptions } from '../../src/store/memcached/memcached-store.js';
import { InvalidKeyError } from '../../src/value/errors.js';
import type { Shard, Store } from '../../src/store/store.js';
import { eventually } from '../support/eventually.js';
import { greeting, startFakeServer } from '../support/fake-server.js';
import type { FakeServer } from '../support/fake-server.js';
import { startMemcached } from '../support/memcached-process.js';
import type { MemcachedProcess } from '../support/memcached-process.js';
import { patience } from '../support/patience.js';

const forever = { lifeMs: Infinity };
const stores: Store[] = [];
afterEach(() => Promise.all(stores.splice(0).map((store) => store.close())).then(() => {}));

async function openShard(servers: string, options: Partial<MemcachedStoreOptions> = {}): Promise<Shard> {
  const store = memcachedStore({ servers, ...patience, ...options });
  stores.push(store);
  await store.open();
  return store.shards[0];
}

/** Keeps the loop from turning. */
function block(milliseconds: number): void {
  const until = performance.now() + milliseconds;
  while (performance.now() < until);
}

describe('items near the limit', () => {
  describe.each([
    ['as it comes', []],
    ['with items of 512 KiB at most', ['-I', '512k']],
    ['with items of 4 MiB at most', ['-I', '4m']],
  ])('of a server %s', (_, args) => {
    let server: MemcachedProcess;
    beforeAll(async () => {
      server = await startMemcached({ args });
    });
    afterAll(() => server.stop());

    it.each([1, 100, 250])(
      'are stored up to what the store says, and refused beyond without reaching the server; keys of %d bytes',
      async (keyBytes) => {
        const shard = await openShard(server.address);
        const key = 'k'.repeat(keyBytes);
        const sizeMax = Number((await server.stats('settings'))['item_size_max']);
        await shard.write(key, Buffer.from('old'), forever);
        const refused = await shard.write(key, Buffer.alloc(sizeMax, 'x'), forever);
        if (refused.status !== 'too-large') throw new Error(`it was ${refused.status}`);
        expect(refused.maxBytes).toBeLessThan(sizeMax);
        expect(refused.maxBytes).toBeGreaterThan(sizeMax - 1_000);
        expect(await server.command(`mg ${key} v`)).toBe('EN');

        const largest = Buffer.alloc(refused.maxBytes, 'y');
        expect((await shard.write(key, largest, forever)).status).toBe('stored');
        expect((await shard.readMany([key]))[0]?.bytes.equals(largest)).toBe(true);

        const setsBefore = (await server.stats())['cmd_set'];
        const beyond = Buffer.alloc(refused.maxBytes + 1, 'z');
        expect(await shard.write(key, beyond, { ...forever, only: 'absent' })).toEqual({ status: 'exists' });
        expect(await shard.write(key, beyond, forever)).toEqual({ status: 'too-large', maxBytes: refused.maxBytes });
        expect((await server.stats())['cmd_set']).toBe(setsBefore);
        expect(await server.command(`mg ${key} v`)).toBe('EN');
      },
    );
  });

  it('have a lower limit by option', async () => {
    const server = await startMemcached();
    try {
      const shard = await openShard(server.address, { maxItemBytes: 1_000 });
      expect((await shard.write('a', Buffer.alloc(1_000), forever)).status).toBe('stored');
      expect(await shard.write('a', Buffer.alloc(1_001), forever)).toEqual({ status: 'too-large', maxBytes: 1_000 });
      expect(await shard.readMany(['a'])).toEqual([undefined]);
    } finally {
      await server.stop();
    }
  });
});

describe('lives on the wire', () => {
  let server: MemcachedProcess;
  beforeAll(async () => {
    server = await startMemcached();
  });
  afterAll(() => server.stop());

  const daySeconds = 86_400;
  it.each([
    [1, 1],
    [400, 1],
    [1_000, 1],
    [1_001, 2],
    [60_000, 60],
    [30 * daySeconds * 1_000, 30 * daySeconds],
    [30 * daySeconds * 1_000 + 1, 30 * daySeconds + 1],
    [31 * daySeconds * 1_000, 31 * daySeconds],
    [400 * daySeconds * 1_000, 400 * daySeconds],
    [100_000 * daySeconds * 1_000, -1],
    [Infinity, -1],
  ])('V5 of %d ms are %d s there', async (lifeMs, seconds) => {
    const shard = await openShard(server.address);
    const left = async (): Promise<number> => Number(/ t(-?\d+)/.exec(await server.command('mg life t'))?.[1]);
    const expectLeft = (leftSeconds: number, addedSeconds = 0): void => {
      if (seconds < 0) return expect(leftSeconds).toBe(-1);
      // A date is rounded up once more, and the server's clock goes in whole seconds, late on a busy machine.
      expect(leftSeconds).toBeLessThanOrEqual(seconds + addedSeconds + 3);
      expect(leftSeconds).toBeGreaterThanOrEqual(Math.max(0, Math.floor(seconds + addedSeconds - 3)));
    };
    await shard.write('life', Buffer.from('1'), { lifeMs });
    if (seconds !== 1) expectLeft(await left());
    await shard.write('life', Buffer.from('1'), { lifeMs: 100_000 });
    await shard.touch('life', lifeMs);
    // It may be no shorter: what a tick may leave out of it is added, and what clocks drift.
    expectLeft(await left(), 3 + seconds / 2_000);
    await shard.remove('life');
    await shard.readOrStub(['life'], lifeMs);
    if (seconds !== 1) expectLeft(await left());
  });
});

describe('keys', () => {
  it('V8 that smuggle a command never leave; sent as they are, they would run it', async () => {
    const server = await startMemcached();
    const client = new MemcacheClient({ server: server.address });
    try {
      const shard = await openShard(server.address);
      const smuggled = 'a\r\nset victim 0 0 5\r\nowned\r\nget b';
      await expect(shard.readMany([smuggled])).rejects.toThrow(InvalidKeyError);
      await expect(shard.remove('a victim')).rejects.toThrow(InvalidKeyError);
      expect(await server.command('mg victim v')).toBe('EN');
      await client.get(smuggled).catch(() => {});
      await eventually(async () => expect(await server.command('mg victim v')).toBe('VA 5\r\nowned'));
    } finally {
      client.shutdown();
      await server.stop();
    }
  });
});

describe('the wire', () => {
  let fake: FakeServer;
  let shard: Shard;
  let silent: boolean;
  beforeEach(async () => {
    silent = false;
    const value = (opaque: string): string => `VA 1 c1 ${opaque}\r\n1\r\n`;
    fake = await startFakeServer(
      greeting('1.6.18', (line) => {
        if (silent || !line.startsWith('m')) return undefined;
        const opaque = line.split(' ').at(-1) ?? '';
        return line.startsWith('mg') ? value(opaque) : `HD c1 ${opaque}\r\n`;
      }),
    );
    shard = await openShard(fake.address, { commandTimeout: 1_000, connectTimeout: 5_000 });
  });
  afterEach(() => fake.close());

  it('carries the commands of one turn in one write, whoever gave them', async () => {
    const chunksBefore = fake.chunks.length;
    await Promise.all([
      shard.readMany(['a', 'b']),
      shard.readMany(['c']),
      shard.write('d', Buffer.from('x'), forever),
      shard.touch('e', 1_000).catch(() => {}),
      shard.remove('f'),
    ]);
    const sent = fake.chunks.slice(chunksBefore);
    expect(sent).toHaveLength(1);
    expect(sent[0]?.match(/^m[a-z] [a-f] /gm)).toEqual(['mg a ', 'mg b ', 'mg c ', 'ms d ', 'mg e ', 'md f ']);
  });

  it('is given up when a command is overdue, and all that wait are told', async () => {
    silent = true;
    const startedAt = performance.now();
    const outcomes = await Promise.allSettled([shard.readMany(['a']), shard.write('b', Buffer.from('1'), forever)]);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(995);
    silent = false;
    expect((await shard.readMany(['a']))[0]?.bytes.toString()).toBe('1');
    expect(fake.accepted).toBe(2);
  });
});

describe('a loop that was blocked for longer than the deadline', () => {
  let server: MemcachedProcess;
  beforeAll(async () => {
    server = await startMemcached();
  });
  afterAll(() => server.stop());

  it('loses no reply that has arrived meanwhile, however much it is', async () => {
    const keys = Array.from({ length: 60 }, (_, index) => `large:${index}`);
    const writer = await openShard(server.address);
    for (const key of keys) await writer.write(key, Buffer.alloc(100_000, key), forever);
    // So long the server has to go on, once there is room again for what the loop did not read.
    const commandTimeout = 1_000;
    const shard = await openShard(server.address, { commandTimeout });
    await shard.readMany(['none']);
    const connectionsBefore = (await server.stats())['total_connections'];
    const reading = shard.readMany(keys);
    // The commands leave at the end of this turn, so the block begins in the next.
    await new Promise((resolve) => setImmediate(resolve));
    block(1.2 * commandTimeout);
    const items = await reading;
    expect(items.map((item) => item?.bytes.length)).toEqual(keys.map(() => 100_000));
    // Each look at the statistics is a connection, too.
    expect(Number((await server.stats())['total_connections'])).toBe(Number(connectionsBefore) + 1);
  });

  it('T8 takes nothing from the deadline of what has not left yet', async () => {
    const commandTimeout = 1_000;
    const shard = await openShard(server.address, { commandTimeout });
    await shard.write('k', Buffer.from('1'), forever);
    const connectionsBefore = (await server.stats())['total_connections'];
    const removal = shard.remove('k');
    block(1.2 * commandTimeout);
    expect(await removal).toBe('removed');
    expect(Number((await server.stats())['total_connections'])).toBe(Number(connectionsBefore) + 1);
  });

  it('loses no connection that was made meanwhile', async () => {
    const store = memcachedStore({ servers: server.address, ...patience, connectTimeout: 1_000 });
    stores.push(store);
    const reading = store.shards[0].readMany(['a']);
    await new Promise((resolve) => process.nextTick(resolve));
    block(1_200);
    expect(await reading).toEqual([undefined]);
  });
});
