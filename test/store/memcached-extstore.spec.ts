import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { memcachedStore } from '../../src/store/memcached/memcached-store.js';
import type { Revision, Shard, Store } from '../../src/store/store.js';
import { greeting, startFakeServer } from '../support/fake-server.js';
import { startMemcached } from '../support/memcached-process.js';
import type { MemcachedProcess } from '../support/memcached-process.js';
import { patience } from '../support/patience.js';
import { recordEvents } from '../support/recorded-events.js';

const bodyBytes = 2_000;

describe('a memcached that keeps values on a disk (extstore)', () => {
  const folder = mkdtempSync(join(tmpdir(), 'extstore-'));
  let server: MemcachedProcess;
  let store: Store;
  let shard: Shard;
  /** Oldest first: the disk has no more of the first ones. */
  const keys: string[] = [];

  beforeAll(async () => {
    const disk = `ext_page_size=2,ext_wbuf_size=2,ext_path=${join(folder, 'values')}:16m,ext_item_size=256,ext_item_age=0`;
    server = await startMemcached({ args: ['-m', '64', '-o', disk] });
    while (!(Number((await server.stats())['extstore_objects_evicted']) > 0)) {
      if (keys.length > 200_000) throw new Error('the disk was never full');
      const some = Array.from({ length: 500 }, (_, index) => `k${keys.length + index}`);
      keys.push(...some);
      await server.command(some.map((key) => `ms ${key} ${bodyBytes} q\r\n${'x'.repeat(bodyBytes)}`).join('\r\n'));
    }
    store = memcachedStore({ servers: server.address, ...patience });
    await store.open();
    shard = store.shards[0];
    await shard.write('here', Buffer.from('small'), { lifeMs: Infinity });
  });
  afterAll(async () => {
    await store.close();
    await server.stop();
    rmSync(folder, { recursive: true });
  });

  it('answers a batch in which the disk has some values no more', async () => {
    const connectionsBefore = Number((await server.stats())['total_connections']);
    const items = await shard.readMany([...keys.slice(0, 200), 'here', ...keys.slice(-10)]);
    expect(items[0]).toBeUndefined();
    expect(items[200]?.bytes.toString()).toBe('small');
    expect(items.slice(201).map((item) => item?.bytes.length)).toEqual(Array.from({ length: 10 }, () => bodyBytes));
    // Each look at the statistics is a connection, too.
    expect(Number((await server.stats())['total_connections'])).toBe(connectionsBefore + 1);
  });

  it('lets whoever asks load such a value, and says nothing of its room', async () => {
    const faults = recordEvents('fault');
    const key = keys[200] as string;
    expect(await shard.readOrStub([key, 'here'], 3_000)).toMatchObject([
      { won: true, bytes: Buffer.alloc(0) },
      { won: false, bytes: Buffer.from('small') },
    ]);
    const [next] = await shard.readOrStub([key], 3_000);
    const revision = next?.revision as Revision;
    expect(await shard.write(key, Buffer.from('1'), { lifeMs: 60_000, only: revision })).toMatchObject({
      status: 'stored',
    });
    faults.stop();
    expect(faults.all).toEqual([]);
  });
});

describe('a miss without a number', () => {
  it.each([
    ['is a miss of the read that waits, and ends nothing', 'EN\r\n', true],
    ['with other words behind it ends the connection', 'EN c1\r\n', false],
  ])('%s', async (_, miss, goesOn) => {
    const fake = await startFakeServer(
      greeting('1.6.18', (line) => {
        const [code, key] = line.split(' ');
        const opaque = line.split(' ').at(-1) ?? '';
        return code !== 'mg' ? undefined : key === 'gone' ? miss : `VA 1 c1 ${opaque}\r\n1\r\n`;
      }),
    );
    const store = memcachedStore({ servers: fake.address, ...patience });
    try {
      await store.open();
      const [shard] = store.shards;
      await shard.readMany(['a']);
      const [gone, next] = await Promise.allSettled([shard.readMany(['gone']), shard.readMany(['b'])]);
      if (goesOn) {
        expect(gone).toEqual({ status: 'fulfilled', value: [undefined] });
        expect(next).toMatchObject({ status: 'fulfilled', value: [{ revision: { number: 1 } }] });
      } else expect([gone.status, next.status]).toEqual(['rejected', 'rejected']);
      await shard.readMany(['a']);
      expect(fake.accepted).toBe(goesOn ? 1 : 2);
    } finally {
      await store.close();
      await fake.close();
    }
  });
});
