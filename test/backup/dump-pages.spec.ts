import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { dumpPages } from '../../src/backup/dump-pages.js';
import type { DumpedKeys } from '../../src/backup/dump-pages.js';
import type { RedisConnection } from '../../src/store/redis/redis-connection.js';
import { StoreUnavailableError } from '../../src/value/errors.js';
import { startRedis } from '../support/redis-process.js';
import type { RedisProcess } from '../support/redis-process.js';
import { openAccess } from '../store/redis/open-access.js';

const everything = (names: readonly Buffer[]): readonly Buffer[] => names;

async function all(pages: AsyncIterable<DumpedKeys>) {
  const kept = new Map<string, Buffer>();
  let [expiring, vanished, longestBatch] = [0, 0, 0];
  for await (const page of pages) {
    for (const { key, dump } of page.records) kept.set(key.toString(), dump);
    expiring += page.expiring;
    vanished += page.vanished;
    longestBatch = Math.max(longestBatch, page.records.length);
  }
  return { kept, expiring, vanished, longestBatch };
}

describe.each(['@redis/client 6', 'ioredis 5'] as const)('Dumps of all keys, through %s', (driver) => {
  let server: RedisProcess;
  let access: Awaited<ReturnType<typeof openAccess>>;
  let connection: RedisConnection;
  beforeAll(async () => {
    server = await startRedis();
    access = await openAccess(driver, { url: server.url, connectTimeout: 5_000, commandTimeout: 10_000 });
    connection = await access.connected(0);
  });
  beforeEach(() => server.command('FLUSHALL'));
  afterAll(async () => {
    access.close();
    await server.stop();
  });

  it('are those that DUMP gives, also of names that are no text and of values of megabytes', async () => {
    const names = [...Array.from({ length: 700 }, (_, index) => Buffer.from(`k${index}`)), Buffer.from([0, 255, 13])];
    for (const name of names) await server.command('SET', name, `value of ${name.toString('hex')}`);
    for (const large of ['one', 'two', 'three']) await server.command('SET', large, Buffer.alloc(3 * 2 ** 20, large));
    const { kept, longestBatch } = await all(dumpPages(connection, everything, true));
    expect(kept.size).toBe(704);
    for (const [key, dump] of kept) {
      const name = names.find((one) => one.toString() === key) ?? key;
      expect(dump.equals((await server.command('DUMP', name)) as Buffer)).toBe(true);
    }
    expect(longestBatch).toBeLessThanOrEqual(500);
  });

  it.each([
    ['is left out where each key is looked at again after its dump', true],
    ['is among them where it is not looked at again', false],
  ])('a key that gets an expiration between being listed and being dumped %s', async (_, isChecked) => {
    await server.command('MSET', 'a', '1', 'b', '2', 'c', '3');
    const pages = dumpPages(connection, everything, isChecked);
    // The first page says what was listed; no dump has been asked for yet.
    expect(await pages.next()).toEqual({ done: false, value: { records: [], expiring: 0, vanished: 0 } });
    await server.command('PEXPIRE', 'a', 60_000);
    await server.command('DEL', 'b');
    const { kept, expiring, vanished } = await all(pages);
    expect([[...kept.keys()].sort(), expiring, vanished]).toEqual(isChecked ? [['c'], 1, 1] : [['a', 'c'], 0, 1]);
  });

  it('are refused in the words of a server that does not allow it', async () => {
    await server.command('SET', 'a', '1');
    await server.command('ACL', 'SETUSER', 'reader', 'on', 'nopass', '~*', '+@all', '-dump');
    const user = await openAccess(driver, { url: `redis://reader:any@${server.address}`, connectTimeout: 5_000 });
    const refused = all(dumpPages(await user.connected(0), everything, true));
    await expect(refused).rejects.toThrow(StoreUnavailableError);
    await expect(refused).rejects.toThrow(/NOPERM.*'dump'/);
    user.close();
  });
});
