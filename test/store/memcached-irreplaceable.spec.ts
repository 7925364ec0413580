import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { memcachedStore } from '../../src/store/memcached/memcached-store.js';
import type { Revision, Shard, Store, WriteOptions } from '../../src/store/store.js';
import { StoreUnavailableError } from '../../src/value/errors.js';
import { fillMemcached, sizesOfLocks } from '../support/fill-memcached.js';
import { greeting, startFakeServer } from '../support/fake-server.js';
import { startMemcached } from '../support/memcached-process.js';
import type { MemcachedProcess } from '../support/memcached-process.js';
import { patience } from '../support/patience.js';

let server: MemcachedProcess;
let store: Store;
let shard: Shard;
beforeEach(async () => {
  server = await startMemcached({ args: ['-M', '-m', '4'] });
  store = memcachedStore({ servers: server.address, ...patience });
  await store.open();
  shard = store.shards[0];
});
afterEach(async () => {
  await store.close();
  await server.stop();
});

const lifeMs = 600_000;
async function stored(key: string, text: string, options: Omit<WriteOptions, 'lifeMs'> = {}): Promise<Revision> {
  const outcome = await shard.write(key, Buffer.from(text), { lifeMs, ...options });
  if (outcome.status !== 'stored') throw new Error(`it was ${outcome.status}`);
  return outcome.revision;
}

describe('A conditional write that a full memcached has no room for (-M)', () => {
  const conditions = ['absent', 'the revision that stands', 'an older revision'] as const;

  /** What stands afterwards. */
  async function scene(condition: (typeof conditions)[number], irreplaceable: boolean): Promise<string | undefined> {
    const older = await stored('k', 'older');
    const standing = await stored('k', 'standing');
    await fillMemcached(server, sizesOfLocks);
    const only = condition === 'absent' ? condition : condition === 'an older revision' ? older : standing;
    const late = shard.write('k', Buffer.from('late'), { lifeMs, irreplaceable, only });
    await expect(late).rejects.toThrow(StoreUnavailableError);
    return (await shard.readMany(['k']))[0]?.bytes.toString();
  }

  it.each(conditions)('leaves what stands alone where it is irreplaceable: only %s', async (condition) => {
    expect(await scene(condition, true)).toBe('standing');
  });

  it.each(conditions)('(−) takes it away where it is not: only %s', async (condition) => {
    expect(await scene(condition, false)).toBeUndefined();
  });
});

describe('What is irreplaceable', () => {
  const right = { lifeMs, irreplaceable: true } as const;

  it('is written by its revision, which the answer tells', async () => {
    const first = await stored('k', '1', { ...right, only: 'absent' });
    expect((await shard.readMany(['k']))[0]?.revision).toEqual(first);
    expect(await shard.write('k', Buffer.from('2'), { ...right, only: 'absent' })).toEqual({ status: 'exists' });
    const second = await stored('k', '2', { ...right, only: first });
    expect(await shard.write('k', Buffer.from('3'), { ...right, only: first })).toEqual({ status: 'changed' });
    expect(await shard.remove('k', second)).toBe('removed');
    expect(await shard.write('k', Buffer.from('3'), { ...right, only: second })).toEqual({ status: 'changed' });
  });

  it('lives as long as others do, and tells its age as others do', async () => {
    await stored('right', '1', { ...right, only: 'absent' });
    await stored('entry', '1', { only: 'absent' });
    const told = async (key: string): Promise<string> => (await server.command(`mg ${key} t f`)).replace(/t\d+/, 't');
    expect(await told('right')).toBe('HD t f600');
    expect(await told('entry')).toBe('HD t f600');
    await shard.write('endless', Buffer.from('1'), { ...right, lifeMs: Infinity, only: 'absent' });
    expect(await server.command('mg endless t f')).toBe('HD t-1 f0');
  });

  it('is written among others, each with its own outcome', async () => {
    await stored('b', 'there');
    const writes = ['a', 'b', 'c', 'd'].map((storeKey, index) => ({
      storeKey,
      bytes: Buffer.from(storeKey),
      options: { lifeMs, irreplaceable: index !== 2, only: 'absent' } as const,
    }));
    const outcomes = await shard.writeMany?.(writes);
    expect(outcomes?.map(({ status }) => status)).toEqual(['stored', 'exists', 'stored', 'stored']);
    const [a, , c, d] = await shard.readMany(['a', 'b', 'c', 'd']);
    expect([outcomes?.[0], outcomes?.[2], outcomes?.[3]]).toMatchObject(
      [a, c, d].map((one) => ({ revision: one?.revision })),
    );
  });

  it('is no more written than what was answered to it in order', async () => {
    // `STORED` has no number: one too many is found out by the answer behind it.
    for (const answers of [
      'STORED\r\nSTORED\r\n',
      'STORED\r\n',
      'HD c1 O1\r\n',
      'OK\r\n',
      'STORED\r\nVA 1 c1 O99\r\n1\r\n',
    ]) {
      const fake = await startFakeServer(greeting('1.6.18', (line) => (line.startsWith('add ') ? answers : undefined)));
      const odd = memcachedStore({ servers: fake.address, connectTimeout: 30_000, commandTimeout: 200 });
      await odd.open();
      const writing = odd.shards[0].write('k', Buffer.from('1'), { ...right, only: 'absent' });
      await expect(writing).rejects.toThrow(StoreUnavailableError);
      await odd.close();
      await fake.close();
    }
  });

  it.each([
    ['another’s', 'VA 1 c9', '2', 'exists'],
    ['nothing', 'EN', undefined, 'exists'],
    ['its own', 'VA 1 c9', '1', 'stored'],
  ])('that was stored, and found to be %s, is told so', async (_, head, value, status) => {
    const answer = (line: string): string | undefined => {
      if (line.startsWith('add ')) return 'STORED\r\n';
      const opaque = /^mg k v c (O\d+)$/.exec(line)?.[1];
      return opaque && `${head} ${opaque}\r\n${value === undefined ? '' : `${value}\r\n`}`;
    };
    const fake = await startFakeServer(greeting('1.6.18', answer));
    const other = memcachedStore({ servers: fake.address, ...patience });
    await other.open();
    const outcome = await other.shards[0].write('k', Buffer.from('1'), { ...right, only: 'absent' });
    expect(outcome.status).toBe(status);
    await other.close();
    await fake.close();
  });

  it('is written after the clock was asked, so that what is heard of the clock is no later than the life', async () => {
    const fake = await startFakeServer(greeting('1.6.18'));
    const other = memcachedStore({ servers: fake.address, connectTimeout: 30_000, commandTimeout: 200 });
    await other.open();
    await expect(other.shards[0].write('k', Buffer.from('1'), { ...right, only: 'absent' })).rejects.toThrow();
    const lines = fake.chunks.join('').split('\r\n');
    expect(lines.slice(-5)).toEqual([
      expect.stringMatching(/^mg ~clock /),
      expect.stringMatching(/^add k /),
      '1',
      expect.stringMatching(/^mg k /),
      '',
    ]);
    await other.close();
    await fake.close();
  });
});
