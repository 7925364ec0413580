import { createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { redisAddress } from '../../../src/store/redis/redis-address.js';
import type { RedisAddress } from '../../../src/store/redis/redis-address.js';
import { RedisCredentials } from '../../../src/store/redis/redis-credentials.js';
import { TlsSettings } from '../../../src/store/tls-settings.js';
import { textOf } from '../../../src/store/redis/redis-reply.js';
import { RedisServer } from '../../../src/store/redis/redis-server.js';
import type { RedisServerSettings } from '../../../src/store/redis/redis-server.js';
import { RedisServerError } from '../../../src/store/redis/redis-server-error.js';
import { systemClock } from '../../../src/value/clock.js';
import { StoreUnavailableError } from '../../../src/value/errors.js';
import { onCacheEvent } from '../../../src/value/events.js';
import { recordEvents } from '../../../src/testing/event-recorder.js';
import { eventually } from '../../support/eventually.js';
import { freePort } from '../../support/free-port.js';
import { patience } from '../../support/patience.js';
import { startReplica } from '../../support/redis-fleet.js';
import { startRedis } from '../../support/redis-process.js';
import type { RedisProcess } from '../../support/redis-process.js';
import { selfSigned } from '../../support/self-signed.js';
import { driverNames, testedDriver } from './drivers.js';

const addressOf = (port: number): RedisAddress => {
  const address = redisAddress('127.0.0.1', port);
  if (!address) throw new Error('no port');
  return address;
};

/** Keeps the process from its loop. */
const beBusy = (milliseconds: number): void => {
  const until = performance.now() + milliseconds;
  while (performance.now() < until);
};

describe.each(driverNames)('A server through %s', (driverName) => {
  let process: RedisProcess;
  const opened: RedisServer[] = [];
  const reach = async (port: number, further: Partial<RedisServerSettings> = {}): Promise<RedisServer> => {
    const server = new RedisServer(addressOf(port), {
      driver: await testedDriver(driverName),
      database: 0,
      credentials: new RedisCredentials(),
      tls: undefined,
      connectTimeoutMs: patience.connectTimeout,
      commandTimeoutMs: patience.commandTimeout,
      clock: systemClock,
      random: Math.random,
      ...further,
    });
    opened.push(server);
    return server;
  };

  beforeAll(async () => void (process = await startRedis()));
  afterEach(() => {
    for (const server of opened.splice(0)) server.close();
  });
  afterAll(() => process.stop());

  it('a process that is busy between a call and its answer does not blame the server', async () => {
    // Not through a proxy of this process, which would be as busy as the process is.
    const commandTimeoutMs = 600;
    const connection = await (await reach(process.port, { commandTimeoutMs })).connected();
    let isNaiveOverdue = false;
    // Negative control: a deadline that counts from the call and is not told of what has arrived.
    const naive = setTimeout(() => (isNaiveOverdue = true), commandTimeoutMs);
    const beforeTheWrite = connection.ask(['PING']);
    beBusy(commandTimeoutMs + 50);
    expect(textOf(await beforeTheWrite)).toBe('PONG');
    const afterTheWrite = connection.ask(['PING']);
    setImmediate(() => setImmediate(() => setImmediate(() => beBusy(commandTimeoutMs + 50))));
    expect(textOf(await afterTheWrite)).toBe('PONG');
    expect(connection.hasEnded).toBe(false);
    expect(isNaiveOverdue).toBe(true);
    clearTimeout(naive);
  });

  it('12,000 commands at once are all answered, and an urgent one is ahead of those that wait', async () => {
    const connection = await (await reach(process.port)).connected();
    let answered = 0;
    let urgentAfter = Infinity;
    const value = Buffer.alloc(2_000, 'v');
    const many = Array.from({ length: 12_000 }, (_, index) =>
      connection.ask(['SET', `k${index % 100}`, value]).then(() => answered++),
    );
    const urgent = connection.ask(['PING'], true).then(() => (urgentAfter = answered));
    await Promise.all([...many, urgent]);
    expect(answered).toBe(12_000);
    expect(urgentAfter).toBeLessThan(4_000);
    expect(connection.hasEnded).toBe(false);
    expect(connection.waitingCommands).toBe(0);
  });

  it('a server that stops costs the written command its deadline, and what waits behind it as well', async () => {
    const server = await reach(process.port, { commandTimeoutMs: 250 });
    const connection = await server.connected();
    process.pause();
    const startedAt = performance.now();
    try {
      const outcomes = await Promise.allSettled(Array.from({ length: 5_000 }, () => connection.ask(['PING'])));
      expect(new Set(outcomes.map(({ status }) => status))).toEqual(new Set(['rejected']));
      const [first] = outcomes as PromiseRejectedResult[];
      expect(first?.reason).toBeInstanceOf(StoreUnavailableError);
      expect(String(first?.reason)).toContain('no answer within 250 ms');
      expect(performance.now() - startedAt).toBeGreaterThan(240);
    } finally {
      process.resume();
    }
    await expect(connection.ask(['PING'])).rejects.toThrow(StoreUnavailableError);
    await eventually(async () => expect(textOf(await (await server.connected()).ask(['PING']))).toBe('PONG'));
  });

  it('nothing is asked on a new connection before it is known who answers, and has been met', async () => {
    await process.command('CONFIG', 'SET', 'slowlog-log-slower-than', 0);
    await process.command('SLOWLOG', 'RESET');
    const incarnations: string[] = [];
    let release = (): void => {};
    const met = new Promise<void>((resolve) => (release = resolve));
    const server = await reach(process.port, {
      onMeet: async (connection, { incarnation }) => {
        incarnations.push(incarnation);
        await connection.ask(['SET', 'the-check', 'x']);
        await met;
      },
    });
    const reading = server.connected().then((connection) => connection.ask(['GET', 'after-the-check']));
    await eventually(async () => expect(await process.command('GET', 'the-check')).not.toBeNull());
    expect(server.ready).toBeUndefined();
    release();
    await reading;
    const log = await process.command('SLOWLOG', 'GET', '100');
    const commands = (log as [number, number, number, Buffer[]][]).map(([, , , args]) => args.slice(0, 2).join(' '));
    const order = ['GET after-the-check', 'SET the-check', 'INFO'].map((command) => commands.indexOf(command));
    // The newest stands first.
    expect(order).toEqual([...order].sort((one, other) => one - other));
    expect(order).not.toContain(-1);
    await process.command('CONFIG', 'SET', 'slowlog-log-slower-than', 10_000);

    const before = server.identity;
    await process.restart();
    await eventually(async () => void (await server.connected()));
    expect(incarnations).toHaveLength(2);
    expect(incarnations[1]).not.toBe(incarnations[0]);
    expect(server.identity?.incarnation).not.toBe(before?.incarnation);
  });

  it('a connection whose check fails is never used', async () => {
    const server = await reach(process.port, { onMeet: () => Promise.reject(new RedisServerError('OOM no')) });
    await expect(server.connected()).rejects.toThrow(StoreUnavailableError);
    expect(server.ready).toBeUndefined();
  });

  it('a replica is no server to use, and one that becomes a replica ends its connection at the next write', async () => {
    const replica = await startReplica(process.port);
    await expect((await reach(replica.port)).connected()).rejects.toThrow(/it is a replica/);
    const faults = recordEvents('fault');
    await replica.command('CONFIG', 'SET', 'replica-read-only', 'no');
    const writable = await reach(replica.port);
    for (let time = 0; time < 2; time++) await expect(writable.connected()).rejects.toThrow(/it is a replica/);
    faults.stop();
    expect(faults.of('fault').map(({ kind }) => kind)).toEqual(['unsuitable']);
    await replica.command('CONFIG', 'SET', 'replica-read-only', 'yes');
    await replica.command('REPLICAOF', 'NO', 'ONE');
    const server = await reach(replica.port);
    const connection = await server.connected();
    await replica.command('REPLICAOF', '127.0.0.1', process.port);
    await expect(connection.ask(['SET', 'k', 'v'])).rejects.toThrow(/READONLY/);
    expect(connection.hasEnded).toBe(true);
    await replica.stop();
  });

  it('one that is too old is said once, and left alone', async () => {
    const old: Server = createServer((socket) => {
      socket.on('error', () => {});
      socket.on('data', (data: Buffer) => {
        const info = 'redis_version:6.2.14\r\nrun_id:a\r\nmaster_replid:b\r\nrole:master\r\n';
        // Whatever greeting a driver has, each of its commands is answered.
        for (const [, name] of data.toString().matchAll(/\*\d+\r\n\$\d+\r\n(\w+)\r\n/g)) {
          socket.write(name === 'INFO' ? `$${info.length}\r\n${info}\r\n` : '+OK\r\n');
        }
      });
    });
    await new Promise<void>((resolve) => old.listen(0, '127.0.0.1', resolve));
    const faults: string[] = [];
    const stop = onCacheEvent('fault', ({ kind, message }) => faults.push(`${kind} ${message}`));
    const server = await reach((old.address() as AddressInfo).port);
    await expect(server.connected()).rejects.toThrow(/version 6.2.14 is older than 7.0/);
    await expect(server.connected()).rejects.toThrow(StoreUnavailableError);
    stop();
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatch(/^too-old .*7.0 or later is needed/);
    server.close();
    await new Promise((resolve) => old.close(resolve));
  });

  it('what others hold is not touched by a further connection that ends', async () => {
    const server = await reach(process.port);
    const shared = await server.connected();
    const messages: string[] = [];
    const own = await server.ownConnection();
    await own.subscribe('news', false, (message) => messages.push(message.toString()));
    await process.command('PUBLISH', 'news', 'x');
    await eventually(() => expect(messages).toEqual(['x']));
    own.end('not needed any more');
    expect(textOf(await shared.ask(['PING']))).toBe('PONG');
    server.close();
    await expect(shared.ask(['PING'])).rejects.toThrow(/it was closed/);
    await expect(server.ownConnection()).rejects.toThrow(StoreUnavailableError);
    await eventually(async () => expect((await process.info('clients'))['connected_clients']).toBe('1'));
  });

  it('says what stands in the way of a connection', async () => {
    await expect((await reach(await freePort())).connected()).rejects.toThrow(/no connection: ECONNREFUSED/);

    const { keyFile, certFile } = selfSigned();
    const port = await freePort();
    const files = ['--tls-cert-file', certFile, '--tls-key-file', keyFile, '--tls-ca-cert-file', certFile];
    const secured = await startRedis({ args: ['--tls-port', `${port}`, '--tls-auth-clients', 'no', ...files] });
    const untrusted: unknown = await (
      await reach(port, { tls: new TlsSettings() })
    )
      .connected()
      .catch((error: unknown) => error);
    await secured.stop();
    expect(String(untrusted)).toMatch(/no TLS connection: self-signed certificate/);
    expect(String(untrusted)).not.toMatch(/Check that it runs/);

    const plain: Server = createServer((socket) => {
      socket.on('error', () => {});
      socket.on('data', () => socket.write('-ERR unknown command\r\n'));
    });
    await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve));
    const unsecured = await reach((plain.address() as AddressInfo).port, { tls: new TlsSettings() });
    await expect(unsecured.connected()).rejects.toThrow(/no TLS connection: wrong version number/);
    await new Promise((resolve) => plain.close(resolve));
  });

  it('passes on why the server refuses, and asks nobody whether it runs', async () => {
    await process.command('ACL', 'SETUSER', 'blind', 'on', '>s3cret', 'allkeys', '+@all', '-info');
    const refusals = [new RedisCredentials('blind', 's3cret'), new RedisCredentials('blind', 'wrong-s3cret')].map(
      async (credentials) => {
        const server = await reach(process.port, { credentials });
        return String(await server.connected().catch((error: unknown) => error));
      },
    );
    const said = await Promise.all(refusals);
    expect(said).toEqual([expect.stringContaining('NOPERM'), expect.stringContaining('WRONGPASS')]);
    expect(said.join()).not.toMatch(/Check that it runs|s3cret/);
    await process.command('ACL', 'DELUSER', 'blind');
  });

  it('no connection within its deadline where nobody answers', async () => {
    const silent: Server = createServer((socket) => socket.on('error', () => {}));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const server = await reach((silent.address() as AddressInfo).port, { connectTimeoutMs: 300 });
    await expect(server.connected()).rejects.toThrow(StoreUnavailableError);
    server.close();
    await new Promise((resolve) => silent.close(resolve));
  });
});
