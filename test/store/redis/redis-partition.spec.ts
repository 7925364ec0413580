import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { RedisAccess } from '../../../src/store/redis/redis-access.js';
import { RedisPartition } from '../../../src/store/redis/redis-partition.js';
import { textOf } from '../../../src/store/redis/redis-reply.js';
import { redisScript } from '../../../src/store/redis/redis-script.js';
import { StoreUnavailableError } from '../../../src/value/errors.js';
import { eventually } from '../../support/eventually.js';
import { startRedis } from '../../support/redis-process.js';
import type { RedisProcess } from '../../support/redis-process.js';
import { driverNames } from './drivers.js';
import { openAccess } from './open-access.js';

describe.each(driverNames)('A partition through %s', (driver) => {
  let server: RedisProcess;
  const opened: RedisAccess[] = [];
  const access = async (): Promise<RedisAccess> => {
    const made = await openAccess(driver, { url: server.url, connectTimeout: 1_000, commandTimeout: 1_000 });
    opened.push(made);
    return made;
  };
  beforeAll(async () => void (server = await startRedis()));
  afterEach(() => {
    for (const made of opened.splice(0)) made.close();
  });
  afterAll(() => server.stop());

  it('meets each incarnation before its commands, and knows the one before', async () => {
    const met: string[] = [];
    const incarnations: { present: string; known: string | undefined }[] = [];
    const partition = new RedisPartition(await access(), '', async (connection, incarnation) => {
      incarnations.push(incarnation);
      met.push(`met, the key is ${textOf(await connection.ask(['GET', 'k'])) ?? 'absent'}`);
      await connection.ask(['SET', 'k', 'set by the check']);
    });
    const read = async (): Promise<void> => void met.push(`read ${textOf(await partition.ask(['GET', 'k']))}`);
    await Promise.all([read(), read()]);
    await server.command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await eventually(read);
    await server.restart();
    await eventually(read);
    expect(met).toEqual([
      'met, the key is absent',
      'read set by the check',
      'read set by the check',
      'met, the key is set by the check',
      'read set by the check',
      'met, the key is absent',
      'read set by the check',
    ]);
    const [first, again, restarted] = incarnations;
    expect(first?.known).toBeUndefined();
    expect(again).toEqual({ ...first, known: first?.present });
    expect(restarted?.known).toBe(first?.present);
    expect(restarted?.present).not.toBe(first?.present);
  });

  it('asks nothing of a server whose check fails, and tries the next connection', async () => {
    let failures = 2;
    const partition = new RedisPartition(await access(), '', () =>
      failures-- > 0 ? Promise.reject(new StoreUnavailableError('redis', 'not now')) : Promise.resolve(),
    );
    await expect(partition.ask(['SET', 'unmet', 'x'])).rejects.toThrow(/not now/);
    expect(await server.command('EXISTS', 'unmet')).toBe(0);
    await eventually(() => partition.ask(['SET', 'unmet', 'x']));
  });

  it('sends a script by its digest, and whole to a server that has forgotten it', async () => {
    const partition = new RedisPartition(await access(), '');
    const script = redisScript("return {KEYS[1], ARGV[1], redis.call('INCR', KEYS[1])}");
    expect(await partition.run(script, ['n'], ['a'])).toEqual([Buffer.from('n'), Buffer.from('a'), 1]);
    await server.command('SCRIPT', 'FLUSH', 'SYNC');
    expect(await partition.run(script, ['n'], ['b'])).toEqual([Buffer.from('n'), Buffer.from('b'), 2]);
    await server.command('CONFIG', 'RESETSTAT');
    await partition.run(script, ['n'], ['c']);
    const stats = await server.info('commandstats');
    expect(Object.keys(stats)).toContain('cmdstat_evalsha');
    expect(Object.keys(stats)).not.toContain('cmdstat_eval');
  });
});
