import { createClient } from '@redis/client';
import { afterAll, describe, expect, it } from '@jest/globals';
import { Cluster, Redis } from 'ioredis';
import { Redis as OlderRedis } from 'ioredis-5';
import { createClient as createOlderClient } from 'redis-client-5';
import type { RedisClientTemplate } from '../../../src/store/redis/driver/client-template.js';
import { loadDriver } from '../../../src/store/redis/driver/load-driver.js';
import type { RedisLink } from '../../../src/store/redis/driver/redis-driver.js';
import { RedisCredentials } from '../../../src/store/redis/redis-credentials.js';
import { readRedisOptions } from '../../../src/store/redis/redis-options.js';
import type { RedisConnectionOptions } from '../../../src/store/redis/redis-options.js';
import { redisStore } from '../../../src/store/redis/redis-store.js';
import type { RedisStoreOptions } from '../../../src/store/redis/redis-store.js';
import { textOf } from '../../../src/store/redis/redis-reply.js';
import { InvalidDurationError, InvalidOptionError } from '../../../src/value/errors.js';
import { startRedis } from '../../support/redis-process.js';
import { sent } from './sent.js';

describe('The options of a connection to Redis', () => {
  it('have defaults', () => {
    const settings = readRedisOptions({ url: 'redis://a' });
    expect(settings).toMatchObject({ connectTimeoutMs: 500, commandTimeoutMs: 250, driver: 'built-in' });
  });

  it('name a Cluster by some of its nodes, and a primary by its sentinels', () => {
    expect(readRedisOptions({ cluster: ['a:1', 'b'], username: 'u', password: 'p' }).target).toMatchObject({
      topology: 'cluster',
      addresses: [{ text: 'a:1' }, { text: 'b:6379' }],
    });
    const { target } = readRedisOptions({ sentinels: ['a'], name: 'main', database: 2, tls: true });
    expect(target).toMatchObject({ topology: 'sentinel', primaryName: 'main', database: 2, tls: {} });
    expect(target.addresses[0].text).toBe('a:26379');
  });

  it.each<[string, RedisConnectionOptions, RegExp]>([
    ['nothing', {}, /nothing says where Redis is/],
    ['undefined', undefined as never, /nothing says where Redis is/],
    ['two places', { url: 'redis://a', cluster: ['a'] }, /url and cluster are both given/],
    ['an unknown driver', { url: 'redis://a', driver: 'iovalkey' as 'redis' }, /it is not a driver/],
    ['a user beside a URL', { url: 'redis://a', password: 'x' }, /a URL holds its own/],
    ['no nodes', { cluster: [] }, /names no server/],
    ['a text for a list', { cluster: 'a:1' as unknown as string[] }, /names no server/],
    ['a bad node', { cluster: ['a', 'b c'] }, /number 2 is not host:port/],
    ['a database in a Cluster', { cluster: ['a'], database: 1 }, /no database but 0/],
    ['sentinels without a name', { sentinels: ['a'] }, /name: it is missing/],
    ['a bad database', { sentinels: ['a'], name: 'm', database: -1 }, /not a number of a database/],
    ['no client', { client: {} as RedisClientTemplate }, /no client that can be duplicated/],
  ])('refuse %s', (_, options, problem) => {
    expect(() => readRedisOptions(options)).toThrow(InvalidOptionError);
    expect(() => readRedisOptions(options)).toThrow(problem);
  });

  it('refuse a deadline that is none', () => {
    expect(() => readRedisOptions({ url: 'redis://a', commandTimeout: 0 })).toThrow(InvalidDurationError);
  });

  it.each<[string, RedisStoreOptions]>([
    ['redisStore.url', { url: '127.0.0.1:7991' }],
    ['redisStore.keyPrefix', { url: 'redis://a', keyPrefix: 'a b' }],
    ['redisStore.partitions', { url: 'redis://a', partitions: 0 }],
  ])('are called in errors what they are called in code: %s', (option, given) => {
    expect(() => redisStore(given)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION', option }));
  });

  it('need no package, and say what to install where one was asked for that is not there', async () => {
    const only = (installed: string) => (name: string) =>
      name === installed ? import('ioredis') : Promise.resolve(undefined);
    expect((await loadDriver('built-in', only('none'))).name).toBe('built-in');
    expect((await loadDriver('ioredis', only('ioredis'))).name).toBe('ioredis');
    await expect(loadDriver('redis', only('ioredis'))).rejects.toThrow(
      /redis is not installed. .*npm install "@redis\/client@\^5\.12\.0 \|\| \^6\.0\.0"/,
    );
    await expect(loadDriver('ioredis', only('none'))).rejects.toThrow(InvalidOptionError);
    expect((await loadDriver('redis')).name).toBe('redis');
    const broken = () => Promise.reject(new SyntaxError('in the package itself'));
    await expect(loadDriver('redis', broken)).rejects.toThrow(SyntaxError);
  });
});

describe('A client of the application as a template', () => {
  const started = startRedis({ args: ['--user', 'app', 'on', '>hunter2', '~*', '&*', '+@all'] });
  afterAll(async () => (await started).stop());

  type Make = (port: number) => { client: RedisClientTemplate; end: () => void };
  const login = { username: 'app', password: 'hunter2' };
  it.each<[string, Make]>([
    [
      '@redis/client 6',
      (port) => {
        const client = createClient({ socket: { host: '127.0.0.1', port }, database: 2, ...login });
        return { client, end: () => client.destroy() };
      },
    ],
    [
      '@redis/client 6 by URL',
      (port) => {
        const client = createClient({ url: `redis://app:hunter2@127.0.0.1:${port}/2` });
        return { client, end: () => client.destroy() };
      },
    ],
    [
      '@redis/client 5 by URL',
      (port) => {
        const client = createOlderClient({ url: `redis://app:hunter2@127.0.0.1:${port}/2` });
        return { client, end: () => {} };
      },
    ],
    [
      'ioredis 6',
      (port) => {
        const client = new Redis({ host: '127.0.0.1', port, db: 2, keyPrefix: 'theirs:', lazyConnect: true, ...login });
        return { client, end: () => client.disconnect() };
      },
    ],
    [
      'ioredis 5',
      (port) => {
        const client = new OlderRedis({ host: '127.0.0.1', port, db: 2, lazyConnect: true, ...login });
        return { client, end: () => client.disconnect() };
      },
    ],
  ])('of %s is duplicated with its login and database, and never connected itself', async (_, make) => {
    const server = await started;
    const { client, end } = make(server.port);
    const { template, target } = readRedisOptions({ client });
    expect(target.addresses[0].text).toBe(server.address);
    const driver = await template?.load();
    const link = (await driver?.connect({
      address: target.addresses[0],
      database: target.database,
      credentials: new RedisCredentials(),
      tls: undefined,
      signal: new AbortController().signal,
      onEnd: () => {},
    })) as RedisLink;
    expect(textOf(await sent(link, 'ACL', 'WHOAMI'))).toBe('app');
    await sent(link, 'SET', 'mine', 'v');
    await server.command('SELECT', 2);
    expect(await server.text('GET', 'mine')).toBe('v');
    // The link, and the look from beside.
    expect((await server.info('clients'))['connected_clients']).toBe('2');
    link.reset();
    end();
  });

  it('a Cluster of ioredis gives its start-up nodes; the sentinels of one, theirs', () => {
    const cluster = new Cluster([{ host: 'a', port: 1 }, 'redis://b:2', 3], { lazyConnect: true });
    expect(readRedisOptions({ client: cluster }).target).toMatchObject({
      topology: 'cluster',
      addresses: [{ text: 'a:1' }, { text: 'b:2' }, { text: '127.0.0.1:3' }],
    });
    cluster.disconnect();
    const client = new Redis({ sentinels: [{ host: 's', port: 5 }], name: 'main', lazyConnect: true });
    expect(readRedisOptions({ client }).target).toMatchObject({ topology: 'sentinel', primaryName: 'main' });
    client.disconnect();
  });

  it('a client of another driver than the one that was asked for is refused', () => {
    const client = new Redis({ lazyConnect: true });
    expect(() => readRedisOptions({ client, driver: 'redis' })).toThrow(/the client is one of ioredis/);
    client.disconnect();
  });
});
