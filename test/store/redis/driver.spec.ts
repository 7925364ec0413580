import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { LinkOptions, RedisDriver, RedisLink } from '../../../src/store/redis/driver/redis-driver.js';
import { redisAddress } from '../../../src/store/redis/redis-address.js';
import { RedisCredentials } from '../../../src/store/redis/redis-credentials.js';
import { TlsSettings } from '../../../src/store/tls-settings.js';
import { isOk, textOf } from '../../../src/store/redis/redis-reply.js';
import { RedisServerError } from '../../../src/store/redis/redis-server-error.js';
import { eventually } from '../../support/eventually.js';
import { freePort } from '../../support/free-port.js';
import { startRedis } from '../../support/redis-process.js';
import type { RedisProcess } from '../../support/redis-process.js';
import { selfSigned } from '../../support/self-signed.js';
import { driverNames, testedDriver } from './drivers.js';
import { sent } from './sent.js';

const never = new AbortController().signal;

const optionsFor = (port: number, further: Partial<LinkOptions> = {}): LinkOptions => ({
  address: redisAddress('127.0.0.1', port) ?? unreachable(),
  database: 0,
  credentials: new RedisCredentials(),
  tls: undefined,
  signal: never,
  onEnd: () => {},
  ...further,
});

function unreachable(): never {
  throw new Error('no address');
}

/** The key, for whoever has the passphrase. */
const sealed = (key: Buffer): string =>
  createPrivateKey(key).export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'right' }).toString();

describe.each(driverNames)('The driver of %s', (name) => {
  let driver: RedisDriver;
  let server: RedisProcess;
  const links: RedisLink[] = [];
  const connect = async (options: LinkOptions): Promise<RedisLink> => {
    const link = await driver.connect(options);
    links.push(link);
    return link;
  };

  beforeAll(async () => {
    driver = await testedDriver(name);
    server = await startRedis();
    await server.command('ACL', 'SETUSER', 'app', 'on', '>p@ss:word', '~*', '&*', '+@all');
  });
  afterEach(() => {
    for (const link of links.splice(0)) link.reset();
  });
  afterAll(() => server.stop());

  it('answers with Buffers, numbers, null and nested arrays, in the order of the commands', async () => {
    const link = await connect(optionsFor(server.port));
    const binary = Buffer.from([0, 1, 13, 10, 255]);
    const replies = await Promise.all([
      sent(link, 'SET', 'k', binary),
      sent(link, 'GET', 'k'),
      sent(link, 'GET', 'absent'),
      sent(link, 'INCR', 'n'),
      sent(link, 'MGET', 'k', 'absent'),
      sent(link, 'EVAL', 'return {1, {ARGV[1], false}, redis.error_reply("NO reason")}', '0', 'x'),
      sent(link, 'ECHO', ''),
    ]);
    const [set, get, absent, count, many, nested, empty] = replies;
    expect(isOk(set)).toBe(true);
    expect(get).toEqual(binary);
    expect(absent).toBeNull();
    expect(count).toBe(1);
    expect(many).toEqual([binary, null]);
    expect(nested).toEqual([1, [Buffer.from('x'), null], expect.any(RedisServerError)]);
    expect(empty).toEqual(Buffer.alloc(0));
    expect(link.bytesRead()).toBeGreaterThan(20);
  });

  it('passes on what the server says, with its code and without the arguments', async () => {
    const link = await connect(optionsFor(server.port));
    await sent(link, 'SET', 'text', 'x');
    const errors = await Promise.all([
      sent(link, 'LPUSH', 'text', 'y').catch((error: unknown) => error),
      sent(link, 'EVALSHA', 'f'.repeat(40), '0').catch((error: unknown) => error),
      sent(link, 'NOSUCH', 'a-secret-value').catch((error: unknown) => error),
    ]);
    expect(errors.map((error) => error instanceof RedisServerError)).toEqual([true, true, true]);
    expect(errors.map((error) => (error as RedisServerError).code)).toEqual(['WRONGTYPE', 'NOSCRIPT', 'ERR']);
    expect(JSON.stringify(errors.map((error) => ({ ...(error as object), said: String(error) })))).not.toContain(
      'secret',
    );
    expect(textOf(await sent(link, 'GET', 'text'))).toBe('x');
  });

  it('logs in, and selects a database', async () => {
    const credentials = new RedisCredentials('app', 'p@ss:word');
    const link = await connect(optionsFor(server.port, { credentials, database: 3 }));
    await sent(link, 'SET', 'where', 'three');
    expect(textOf(await sent(link, 'ACL', 'WHOAMI'))).toBe('app');
    expect(await server.command('GET', 'where')).toBeNull();
    await server.command('SELECT', 3);
    expect(await server.text('GET', 'where')).toBe('three');
    await server.command('SELECT', 0);
  });

  it('rejects a wrong password, without telling it', async () => {
    const credentials = new RedisCredentials('app', 'a-wrong-secret');
    const error: unknown = await driver
      .connect(optionsFor(server.port, { credentials }))
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(Error);
    const { message, cause } = error as Error;
    expect(
      `${message} ${String(cause)} ${JSON.stringify({ ...(error as object), ...(cause as object) })}`,
    ).not.toContain('secret');
  });

  it('rejects where nobody listens', async () => {
    await expect(driver.connect(optionsFor(await freePort()))).rejects.toThrow();
  });

  it('an aborted attempt rejects and leaves no socket', async () => {
    const silent: Server = createServer();
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const attempt = new AbortController();
    const accepted = new Promise<void>((resolve) =>
      silent.once('connection', (socket) => {
        socket.on('error', () => {});
        socket.resume().once('close', () => resolve());
        attempt.abort();
      }),
    );
    const { port } = silent.address() as AddressInfo;
    const credentials = new RedisCredentials('app', 'x');
    await expect(driver.connect(optionsFor(port, { signal: attempt.signal, credentials }))).rejects.toThrow();
    await accepted;
    await new Promise((resolve) => silent.close(resolve));
  });

  it('delivers messages of channels, sharded ones as well', async () => {
    const messages: string[] = [];
    const [plain, sharded] = await Promise.all([connect(optionsFor(server.port)), connect(optionsFor(server.port))]);
    await plain.subscribe('news', false, (message) => messages.push(`plain ${message.toString()}`));
    await sharded.subscribe('news', true, (message) => messages.push(`sharded ${message.toString()}`));
    await server.command('PUBLISH', 'news', 'one');
    await server.command('SPUBLISH', 'news', 'two');
    await eventually(() => expect([...messages].sort()).toEqual(['plain one', 'sharded two']));
  });

  it('says once that a link has ended, and settles what waited on it', async () => {
    const ends: string[] = [];
    const link = await connect(optionsFor(server.port, { onEnd: (reason) => ends.push(reason) }));
    const waiting = sent(link, 'BLPOP', 'nobody', '0');
    const rejected = expect(waiting).rejects.toThrow();
    await server.command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await rejected;
    await eventually(() => expect(ends).toHaveLength(1));
    await expect(sent(link, 'PING')).rejects.toThrow();
    expect(ends).toHaveLength(1);
  });

  it.each([false, true])(
    'a link that listens answers pings, and ends one subscription of several; sharded: %p',
    async (sharded) => {
      const link = await connect(optionsFor(server.port));
      const heard: string[] = [];
      const publish = (channel: string) => server.command(sharded ? 'SPUBLISH' : 'PUBLISH', channel, 'x');
      await Promise.all(['a', 'b'].map((channel) => link.subscribe(channel, sharded, () => heard.push(channel))));
      await sent(link, 'PING');
      await publish('a');
      // Whoever ends a subscription hears nothing more, also of what is on its way.
      await eventually(() => expect(heard).toEqual(['a']));
      await link.unsubscribe('a', sharded);
      await publish('a');
      await publish('b');
      await sent(link, 'PING');
      await eventually(() => expect(heard).toEqual(['a', 'b']));
      await link.unsubscribe('b', sharded);
      await link.subscribe('a', sharded, () => heard.push('a again'));
      await sent(link, 'PING');
      await publish('a');
      await eventually(() => expect(heard).toEqual(['a', 'b', 'a again']));
      link.reset();
    },
  );

  it('a link that is reset is reset for the server, not closed', async () => {
    let seen = '';
    const ends: string[] = [];
    const listening: Server = createServer((socket) => {
      socket.on('error', (error: NodeJS.ErrnoException) => (seen = error.code ?? 'error'));
      socket.on('close', () => (seen ||= 'closed'));
      socket.on('data', (data: Buffer) => {
        // Whatever greeting a driver has, each of its commands is answered.
        for (const _ of data.toString().matchAll(/^\*\d+\r$/gm)) socket.write('+OK\r\n');
      });
    });
    await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
    const link = await connect(
      optionsFor((listening.address() as AddressInfo).port, { onEnd: (reason) => ends.push(reason) }),
    );
    await sent(link, 'PING');
    link.reset();
    await eventually(() => expect(seen).toBe('ECONNRESET'));
    expect(ends).toEqual([]);
    await new Promise((resolve) => listening.close(resolve));
  });
});

describe.each(driverNames)('Over TLS, the driver of %s', (name) => {
  let driver: RedisDriver;
  let server: RedisProcess;
  let port: number;
  let ca: Buffer;
  let key: Buffer;

  beforeAll(async () => {
    driver = await testedDriver(name);
    const { keyFile, certFile, ca: authority } = selfSigned();
    ca = authority;
    key = readFileSync(keyFile);
    port = await freePort();
    const files = ['--tls-cert-file', certFile, '--tls-key-file', keyFile, '--tls-ca-cert-file', certFile];
    server = await startRedis({ args: ['--tls-port', `${port}`, '--tls-auth-clients', 'yes', ...files] });
  });
  afterAll(() => server.stop());

  it('speaks to a server whose certificate it can check, and that checks its own, counts its bytes, and resets', async () => {
    const tls = new TlsSettings({ ca, cert: ca, key, passphrase: 'of no use to this key' });
    const link = await driver.connect(optionsFor(port, { tls }));
    await sent(link, 'SET', 'k', 'v');
    expect(textOf(await sent(link, 'GET', 'k'))).toBe('v');
    expect(link.bytesRead()).toBeGreaterThan(100);
    link.reset();
    await eventually(async () => expect((await server.info('clients'))['connected_clients']).toBe('1'));
  });

  it('rejects a key that cannot be used, and leaves no socket', async () => {
    const open = new Set<Socket>();
    let opened = 0;
    const listening = createServer((socket) => {
      opened++;
      open.add(socket.on('error', () => {}).resume());
      socket.once('close', () => open.delete(socket));
    });
    await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
    const { port: plain } = listening.address() as AddressInfo;
    const tls = new TlsSettings({ ca, cert: ca, key: sealed(key), passphrase: 'wrong' });
    for (let attempt = 0; attempt < 3; attempt++) {
      await expect(driver.connect(optionsFor(plain, { tls }))).rejects.toThrow();
    }
    await eventually(() => expect({ opened, open: open.size }).toEqual({ opened: 3, open: 0 }), { withinMs: 5_000 });
    await new Promise((resolve) => listening.close(resolve));
  });

  it('refuses one whose certificate it cannot check', async () => {
    await expect(driver.connect(optionsFor(port, { tls: new TlsSettings() }))).rejects.toThrow();
  });
});
