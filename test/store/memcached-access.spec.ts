import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { readStoreEnvironment } from '../../src/cache/configuration/environment.js';
import { defaultStore } from '../../src/cache/configuration/default-store.js';
import { memcachedStore } from '../../src/store/memcached/memcached-store.js';
import type { MemcachedStoreOptions } from '../../src/store/memcached/memcached-store.js';
import type { Shard } from '../../src/store/store.js';
import { eventually } from '../support/eventually.js';
import { freePort } from '../support/free-port.js';
import { listeningMemcached } from '../support/listening-memcached.js';
import type { ListeningMemcached } from '../support/listening-memcached.js';
import { startMemcached } from '../support/memcached-process.js';
import { recordEvents } from '../support/recorded-events.js';
import { selfSigned } from '../support/self-signed.js';
import type { Certificate } from '../support/self-signed.js';
import { startTcpProxy } from '../support/tcp-proxy.js';
import { patience } from '../support/patience.js';

const forever = { lifeMs: Infinity };
const bytes = (text: string): Buffer => Buffer.from(text);
const endings: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

async function openShard(options: MemcachedStoreOptions): Promise<Shard> {
  const store = memcachedStore({ ...patience, ...options });
  endings.push(() => store.close());
  await store.open();
  return store.shards[0];
}

async function start(args: readonly string[], where: { port: number } | { path: string }): Promise<ListeningMemcached> {
  const server = await listeningMemcached(args, where);
  endings.push(() => server.kill());
  return server;
}

async function onPort(...args: string[]): Promise<ListeningMemcached & { readonly port: number }> {
  const port = await freePort();
  return { ...(await start(['-l', '127.0.0.1', '-p', `${port}`, '-U', '0', ...args], { port })), port };
}

const textAt = async (shard: Shard, key: string): Promise<string | undefined> =>
  (await shard.readMany([key]))[0]?.bytes.toString();

describe('a memcached behind TLS', () => {
  let certificate: Certificate;
  beforeAll(() => {
    certificate = selfSigned();
  });

  const startSecure = () => onPort('-Z', '-o', `ssl_chain_cert=${certificate.certFile},ssl_key=${certificate.keyFile}`);

  it('is reached by its name and by its address, once its certificate was checked', async () => {
    const { port } = await startSecure();
    for (const host of ['127.0.0.1', 'localhost']) {
      const shard = await openShard({ servers: `${host}:${port}`, tls: { ca: certificate.ca } });
      await shard.write(host, bytes('kept'), forever);
      expect(await textAt(shard, host)).toBe('kept');
    }
  });

  it('is shown no key and no passphrase of', async () => {
    const { port } = await startSecure();
    const { ca } = certificate;
    const own = { ca, cert: ca, key: readFileSync(certificate.keyFile, 'latin1'), passphrase: 'hunter2' };
    const store = memcachedStore({ ...patience, servers: `127.0.0.1:${port}`, tls: own });
    endings.push(() => store.close());
    await store.open();
    await store.shards[0].write('a', bytes('1'), forever);
    const said = inspect(store, { depth: 20 });
    expect(said).toContain('TLSSocket');
    expect(said).not.toMatch(/hunter2|PRIVATE KEY/);
  });

  it('is not used where its certificate cannot be checked, or TLS was not asked for', async () => {
    const { port } = await startSecure();
    const untrusted = await openShard({ servers: `127.0.0.1:${port}`, tls: true });
    await expect(untrusted.readMany(['a'])).rejects.toThrow(/no TLS connection: self-signed certificate/);
    const plain = await openShard({ servers: `127.0.0.1:${port}`, connectTimeout: 300 });
    await expect(plain.readMany(['a'])).rejects.toThrow();
  });

  it('is told apart from one that speaks no TLS', async () => {
    const { port } = await onPort();
    const shard = await openShard({ servers: `127.0.0.1:${port}`, tls: { ca: certificate.ca }, connectTimeout: 500 });
    await expect(shard.readMany(['a'])).rejects.toThrow(/no TLS connection|no connection within 500 ms/);
  });

  describe('answers what follows a body', () => {
    const openSecure = async (): Promise<Shard> => {
      const { port } = await startSecure();
      return openShard({ servers: `127.0.0.1:${port}`, tls: { ca: certificate.ca } });
    };

    it('that is longer than a record of TLS', async () => {
      const shard = await openSecure();
      const long = Buffer.alloc(20_000, 'long');
      const [written, read, small] = await Promise.all([
        shard.write('a', long, forever),
        shard.readMany(['a', 'b']),
        shard.write('c', bytes('small'), forever),
      ]);
      expect([written.status, small.status]).toEqual(['stored', 'stored']);
      expect(read[0]?.bytes.equals(long)).toBe(true);
      expect(read[1]).toBeUndefined();
      expect(await textAt(shard, 'c')).toBe('small');
    });

    it('in a turn that is longer than a record, and in the turns after it', async () => {
      const shard = await openSecure();
      const keys = Array.from({ length: 20 }, (_, index) => `k:${index}`);
      for (const length of [1_000, 16_384, 1, 5_000]) {
        const values = keys.map((key) => Buffer.alloc(length, key));
        const writes = keys.map((key, index) => shard.write(key, values[index] as Buffer, forever));
        const [written, read] = await Promise.all([Promise.all(writes), shard.readMany(keys)]);
        expect(written.map(({ status }) => status)).toEqual(keys.map(() => 'stored'));
        expect(read.map((item, index) => item?.bytes.equals(values[index] as Buffer))).toEqual(keys.map(() => true));
      }
    });
  });

  it('takes back what is still under way when a write is given up', async () => {
    const { port } = await startSecure();
    const proxy = await startTcpProxy(port);
    endings.push(() => proxy.close());
    const options = { servers: proxy.address, tls: { ca: certificate.ca } };
    const shard = await openShard({ ...options, commandTimeout: 100 });
    await eventually(() => shard.readMany(['late']));
    proxy.delay(500);
    await expect(shard.write('late', bytes('OLD'), forever)).rejects.toThrow(/no answer within 100 ms/);
    // A connection that was made later has been delayed as long: what was written before it would have arrived.
    const later = await openShard(options);
    await later.write('after', bytes('1'), forever);
    expect(await textAt(later, 'late')).toBeUndefined();
  });
});

describe('a memcached on a unix socket', () => {
  it('is reached by its path', async () => {
    const path = join(mkdtempSync(join(tmpdir(), 'memcached-')), 'socket');
    await start(['-s', path], { path });
    const shard = await openShard({ servers: [path] });
    await shard.write('a', bytes('kept'), forever);
    expect(await textAt(shard, 'a')).toBe('kept');
  });

  it('is said to be missing where its path leads nowhere', async () => {
    const shard = await openShard({ servers: join(mkdtempSync(join(tmpdir(), 'memcached-')), 'none.sock') });
    await expect(shard.readMany(['a'])).rejects.toThrow(/none\.sock: no connection: ENOENT/);
  });

  it('is not connected to again before it has carried out what was given up', async () => {
    const path = join(mkdtempSync(join(tmpdir(), 'memcached-')), 'socket');
    const server = await start(['-s', path], { path });
    const shard = await openShard({ servers: path, commandTimeout: 100, connectTimeout: 300 });
    await eventually(() => shard.readMany(['late']));
    await server.pause();
    endings.push(() => server.resume());
    await expect(shard.write('late', bytes('OLD'), forever)).rejects.toThrow(/no answer within 100 ms/);
    await eventually(async () => {
      await expect(shard.remove('late')).rejects.toThrow(/was not carried out yet/);
    });
    server.resume();
    await eventually(async () => expect(await shard.remove('late')).toBe('removed'));
    expect(await textAt(shard, 'late')).toBeUndefined();
  });
});

describe('a memcached that asks for a password', () => {
  let file: string;
  beforeAll(() => {
    file = join(mkdtempSync(join(tmpdir(), 'memcached-')), 'users');
    writeFileSync(file, 'reader:s3cret\n');
  });

  it('lets in who knows it, also for the listing of keys', async () => {
    const { port } = await onPort('-Y', file);
    const shard = await openShard({ servers: `127.0.0.1:${port}`, username: 'reader', password: 's3cret' });
    await shard.write('n:a', bytes('kept'), forever);
    expect(await textAt(shard, 'n:a')).toBe('kept');
    const listed: string[] = [];
    for await (const key of shard.keys?.('n:') ?? []) listed.push(key);
    expect(listed).toEqual(['n:a']);
  });

  it('keeps none where it asks for none, and loses no key of others', async () => {
    const server = await startMemcached();
    endings.push(() => server.stop());
    await server.command('set auth 0 0 6\r\nothers');
    const shard = await openShard({ servers: server.address, username: 'reader', password: 's3cret' });
    await shard.write('a', bytes('kept'), forever);
    expect(await textAt(shard, 'a')).toBe('kept');
    expect(await server.command('get auth')).toBe('VALUE auth 0 6\r\nothers\r\nEND');
    expect(await server.command('get ~auth')).toBe('END');
  });

  it('turns others away in its own words, without theirs', async () => {
    const faults = recordEvents('fault');
    endings.push(() => faults.stop());
    const { port } = await onPort('-Y', file);
    const shard = await openShard({ servers: `127.0.0.1:${port}`, username: 'reader', password: 'wr0ng' });
    const refused = String(await shard.readMany(['a']).catch((error: unknown) => error));
    expect(refused).toMatch(/authentication failure/);
    expect(refused).not.toMatch(/Check that it runs/);
    const told = faults.of('fault').map(({ kind, message }) => [kind, message]);
    expect(told).toEqual([['unavailable', expect.stringContaining('authentication failure')]]);
    expect(JSON.stringify(told)).not.toContain('wr0ng');
  });
});

it('an IPv6 address has a zone', async () => {
  const port = await freePort();
  await start(['-l', '::1', '-p', `${port}`, '-U', '0'], { port, host: '::1' } as { port: number });
  const shard = await openShard({ servers: `[::1%lo]:${port}` });
  await shard.write('a', bytes('kept'), forever);
  expect(await textAt(shard, 'a')).toBe('kept');
});

describe('options and variables', () => {
  const servers = '127.0.0.1:1';
  it.each<[string, Partial<MemcachedStoreOptions>, RegExp]>([
    ['a username alone', { username: 'a' }, /^password: a username came alone\. Give both/],
    ['a password alone', { password: 'wr0ng' }, /^username: a password came alone\. Give both/],
    ['a password with a blank', { username: 'a', password: 'wr0ng one' }, /^password: it is no password\. /],
    ['tls as a text', { tls: 'yes' as unknown as boolean }, /^tls: it is neither true nor options\. /],
    ['a path that is too long', { servers: `/${'a'.repeat(200)}` }, /^servers: .*107 bytes/],
  ])('%s is refused, and not repeated', (_what, given, message) => {
    const build = (): unknown => memcachedStore({ servers, ...given });
    expect(build).toThrow(message);
    expect(build).not.toThrow(/wr0ng/);
  });

  it('the environment gives them, and errors name its variables', async () => {
    const file = join(mkdtempSync(join(tmpdir(), 'memcached-')), 'users');
    writeFileSync(file, 'reader:s3cret\n');
    const { port } = await onPort('-Y', file);
    const given = { MEMCACHED_SERVERS: `127.0.0.1:${port}`, MEMCACHED_USERNAME: 'reader' };
    const { store } = await defaultStore(readStoreEnvironment({ ...given, MEMCACHED_PASSWORD: 's3cret' }));
    endings.push(() => store.close());
    await store.open();
    await eventually(async () => expect(await store.shards[0].readMany(['a'])).toEqual([undefined]));
    await expect(defaultStore(readStoreEnvironment(given))).rejects.toThrow(
      /^MEMCACHED_PASSWORD: a username came alone/,
    );
    expect(() => readStoreEnvironment({ MEMCACHED_TLS: 'yes' })).toThrow(
      /^MEMCACHED_TLS: it is neither true nor false/,
    );
  });
});
