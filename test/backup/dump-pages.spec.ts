import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { dumpPages, scanPages } from '../../src/backup/dump-pages.js';
import { allDumps, askDumps } from '../../src/backup/key-dumps.js';
import type { DumpedKeys } from '../../src/backup/key-dumps.js';
import { KeyNames } from '../../src/backup/key-names.js';
import type { RedisConnection } from '../../src/store/redis/redis-connection.js';
import { StoreUnavailableError } from '../../src/value/errors.js';
import { startRedis } from '../support/redis-process.js';
import type { RedisProcess } from '../support/redis-process.js';
import { openAccess } from '../store/redis/open-access.js';
import { patience } from '../support/patience.js';

const everything = (connection: RedisConnection): AsyncGenerator<DumpedKeys> =>
  dumpPages(connection, scanPages(connection));

const named = (...names: readonly string[]): KeyNames => KeyNames.of(names.map((name) => Buffer.from(name)));

function recordsOf({ names, dumps }: DumpedKeys): readonly { readonly key: string; readonly dump: Buffer }[] {
  return dumps.flatMap((dump, place) => (dump ? [{ key: names.name(place).toString(), dump }] : []));
}

async function all(pages: AsyncIterable<DumpedKeys>) {
  const kept = new Map<string, Buffer>();
  let [expiring, vanished, longestBatch] = [0, 0, 0];
  for await (const page of pages) {
    for (const { key, dump } of recordsOf(page)) kept.set(key, dump);
    expect(page.records).toBe(recordsOf(page).length);
    expiring += page.expiring;
    vanished += page.vanished;
    longestBatch = Math.max(longestBatch, page.dumps.length);
  }
  return { kept, expiring, vanished, longestBatch };
}

describe.each(['built-in', 'ioredis 5'] as const)('Dumps of all keys, through %s', (driver) => {
  let server: RedisProcess;
  let access: Awaited<ReturnType<typeof openAccess>>;
  let connection: RedisConnection;
  beforeAll(async () => {
    server = await startRedis();
    access = await openAccess(driver, { url: server.url, ...patience });
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
    const { kept, longestBatch } = await all(everything(connection));
    expect(kept.size).toBe(704);
    for (const [key, dump] of kept) {
      const name = names.find((one) => one.toString() === key) ?? key;
      expect(dump.equals((await server.command('DUMP', name)) as Buffer)).toBe(true);
    }
    // 704 keys in one page, in two parts.
    expect(longestBatch).toBe(352);
  });

  it('leave out a key that gets an expiration, or goes, between being listed and being dumped', async () => {
    await server.command('MSET', 'a', '1', 'b', '2', 'c', '3');
    const listed = named('a', 'b', 'c');
    await server.command('PEXPIRE', 'a', 60_000);
    await server.command('DEL', 'b');
    const { kept, expiring, vanished } = await all(allDumps(connection, askDumps(connection, listed)));
    expect([[...kept.keys()], expiring, vanished]).toEqual([['c'], 1, 1]);
  });

  it.each<[string, string[], number, number]>([
    ['gets an expiration', ['PEXPIRE', 'large', '60000'], 1, 0],
    ['goes', ['DEL', 'large'], 0, 1],
  ])('leave out a key of megabytes that %s before its own dump', async (_, command, expiring, vanished) => {
    await server.command('SET', 'large', Buffer.alloc(3 * 2 ** 20, 'x'));
    await server.command('SET', 'small', 'x');
    const pages = allDumps(connection, askDumps(connection, named('large', 'small')));
    // By now it was looked at, and no dump of it has been asked for.
    const first = (await pages.next()).value as DumpedKeys;
    expect([recordsOf(first).map(({ key }) => key), first.expiring]).toEqual([['small'], 0]);
    await server.command(...command);
    const { kept, ...others } = await all(pages);
    expect([[...kept.keys()], others]).toEqual([[], { expiring, vanished, longestBatch: 1 }]);
  });

  it('come a few megabytes at a time', async () => {
    const names = Array.from({ length: 40 }, (_, index) => Buffer.from(`k${index}`));
    for (const name of names) await server.command('SET', name, randomBytes(900_000));
    let largest = 0;
    const { kept } = await all(
      (async function* () {
        for await (const page of everything(connection)) {
          largest = Math.max(
            largest,
            recordsOf(page).reduce((sum, { dump }) => sum + dump.length, 0),
          );
          yield page;
        }
      })(),
    );
    expect(kept.size).toBe(40);
    expect(largest).toBeLessThan(2.5 * 2 ** 20);
  });

  it.each(['scan', 'pttl', 'memory|usage', 'dump'])(
    'are refused in the words of a server that does not allow %s',
    async (name) => {
      await server.command('SET', 'a', '1');
      await server.command('ACL', 'SETUSER', 'reader', 'reset', 'on', 'nopass', '~*', '+@all', `-${name}`);
      const user = await openAccess(driver, { url: `redis://reader:any@${server.address}`, connectTimeout: 5_000 });
      const refused = all(everything(await user.connected(0)));
      await expect(refused).rejects.toThrow(StoreUnavailableError);
      await expect(refused).rejects.toThrow(new RegExp(`NOPERM.*'${name.replace('|', '\\|')}'`));
      user.close();
    },
  );
});
