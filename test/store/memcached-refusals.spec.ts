import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { memcachedStore } from '../../src/store/memcached/memcached-store.js';
import type { MemcachedStoreOptions } from '../../src/store/memcached/memcached-store.js';
import type { Shard } from '../../src/store/store.js';
import { eventually } from '../support/eventually.js';
import { greeting, startFakeServer } from '../support/fake-server.js';
import { freePort } from '../support/free-port.js';
import { hasStopped } from '../support/has-stopped.js';
import { listeningMemcached } from '../support/listening-memcached.js';
import { startMemcached } from '../support/memcached-process.js';
import type { MemcachedProcess } from '../support/memcached-process.js';
import { recordEvents } from '../support/recorded-events.js';
import { startTcpProxy } from '../support/tcp-proxy.js';
import { patience } from '../support/patience.js';

const forever = { lifeMs: Infinity };
const endings: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

async function memcached(...args: string[]): Promise<MemcachedProcess> {
  const server = await startMemcached({ args });
  endings.push(() => server.stop());
  return server;
}

async function openShard(servers: string, options: Partial<MemcachedStoreOptions> = {}): Promise<Shard> {
  const store = memcachedStore({ servers, ...patience, ...options });
  endings.push(() => store.close());
  await store.open();
  return store.shards[0];
}

function recordFaults() {
  const faults = recordEvents('fault');
  endings.push(() => faults.stop());
  return () => faults.of('fault').map(({ kind, message }) => [kind, message]);
}

describe('a server that turns a client away', () => {
  it('by keeping no revisions (-C) is named, stays off, and is asked for nothing', async () => {
    const faults = recordFaults();
    const server = await memcached('-C');
    const shard = await openShard(server.address);
    for (let index = 0; index < 5; index++) {
      await expect(shard.remove('a')).rejects.toThrow(/started with -C/);
      await expect(shard.readOrStub(['a'], 3_000)).rejects.toThrow(/started with -C/);
    }
    expect(faults()).toEqual([['unsuitable', expect.stringContaining('without -C')]]);
    expect((await server.stats())['cmd_touch']).toBe('0');
    expect(await server.command('mg a v')).toBe('EN');
  });

  it('by a limit of connections is quoted once', async () => {
    const faults = recordFaults();
    const server = await memcached('-c', '40');
    // Whoever asked before has left: a place that became free later would be the client's under test.
    const guest = connect(server.port, '127.0.0.1');
    endings.push(() => guest.destroy());
    await eventually(async () => expect(await connectionsAsToldTo(guest)).toBe(1));
    const held = Array.from({ length: 60 }, () =>
      connect(server.port, '127.0.0.1')
        .on('error', () => {})
        .resume(),
    );
    endings.push(() => held.forEach((socket) => socket.destroy()));
    // The server has come to its limit when it turns one of them away.
    await Promise.race(held.map((socket) => new Promise((resolve) => socket.once('close', resolve))));
    // Whoever looked whether the server answers may leave room for one more.
    const shard = await eventually(async () => {
      const refused = await openShard(server.address);
      await expect(refused.readMany(['a'])).rejects.toThrow(/Too many open connections/);
      return refused;
    });
    await new Promise((resolve) => setTimeout(resolve, 100));
    await shard.readMany(['a']).catch(() => {});
    expect(faults()).toEqual([['unavailable', expect.stringContaining('Too many open connections')]]);
    for (const socket of held) socket.destroy();
    await eventually(async () => expect(await shard.readMany(['a'])).toEqual([undefined]));
  });

  it('by asking for a password is quoted once', async () => {
    const file = join(tmpdir(), `memcached-users-${process.pid}`);
    writeFileSync(file, 'user:password\n');
    const faults = recordFaults();
    const server = await startAuthenticated(file);
    const shard = await openShard(server);
    await expect(shard.readMany(['a'])).rejects.toThrow(/unauthenticated/);
    expect(faults()).toEqual([['unavailable', expect.stringContaining('unauthenticated')]]);
  });

  it('by being a proxy of many servers is named, stays off, and is asked for nothing', async () => {
    const faults = recordFaults();
    const asked: string[] = [];
    const fake = await startFakeServer(
      greeting('1.6.18', (line) => void asked.push(line), 'STAT proxy_enabled yes\r\n'),
    );
    endings.push(() => fake.close());
    const shard = await openShard(fake.address);
    for (let index = 0; index < 3; index++) await expect(shard.remove('a')).rejects.toThrow(/is a proxy/);
    expect(faults()).toEqual([['unsuitable', expect.stringContaining('Name the servers behind it')]]);
    expect(asked).toEqual([]);
  });

  it('because it knows no meta commands is quoted', async () => {
    const faults = recordFaults();
    const answer = greeting('1.6.18');
    const fake = await startFakeServer((line) => (line.startsWith('m') ? 'ERROR\r\n' : answer(line)));
    endings.push(() => fake.close());
    const shard = await openShard(fake.address);
    await expect(shard.readMany(['a'])).rejects.toThrow(/it said ERROR/);
    expect(faults()).toEqual([['unavailable', expect.stringContaining('it said ERROR')]]);
  });
});

/** Over a connection that stays, so that it counts itself. */
async function connectionsAsToldTo(guest: Socket): Promise<number> {
  let told = '';
  guest.write('stats\r\n');
  for (;;) {
    const [chunk] = (await once(guest, 'data')) as [Buffer];
    told += chunk.toString('latin1');
    if (told.endsWith('END\r\n')) return Number(/^STAT curr_connections (\d+)/m.exec(told)?.[1]);
  }
}

async function startAuthenticated(file: string): Promise<string> {
  const port = await freePort();
  const server = await listeningMemcached(['-l', '127.0.0.1', '-p', `${port}`, '-U', '0', '-Y', file], { port });
  endings.push(() => server.kill());
  return `127.0.0.1:${port}`;
}

describe('a connection that is given up', () => {
  it('T15 takes back what is still under way; closed in order, it would be delivered', async () => {
    const server = await memcached();
    const proxy = await startTcpProxy(server.port);
    endings.push(() => proxy.close());
    const shard = await openShard(proxy.address, { commandTimeout: 100 });
    await eventually(() => shard.readMany(['a']));
    const closed = connect(proxy.port, '127.0.0.1');
    await new Promise((resolve) => closed.once('connect', resolve));
    const delayMs = 1_000;
    proxy.delay(delayMs);
    await new Promise((resolve) => closed.write('ms closed 3 T60\r\nOLD\r\n', resolve));
    await expect(shard.write('reset', Buffer.from('OLD'), forever)).rejects.toThrow(/no answer within 100 ms/);
    closed.destroy();
    await eventually(async () => expect(await server.command('mg closed v')).toBe('VA 3\r\nOLD'));
    // Sent before the other, it would have arrived before it, or at most as much later as the deadline took.
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(await server.command('mg reset v')).toBe('EN');
  });

  it('T16 is one failure: all that waited for it are told the same', async () => {
    const server = await memcached();
    const shard = await openShard(server.address, { commandTimeout: 150 });
    await eventually(() => shard.readMany(['a']));
    server.pause();
    await hasStopped(server.pid);
    const asked: (Promise<unknown> | undefined)[] = [
      shard.readMany(['a', 'b']),
      shard.write('c', Buffer.from('1'), forever),
      shard.invalidate?.({ feed: 'ns', changes: [{ remove: 'a' }], records: [Buffer.from('x')], watch: 'w' }),
      shard.readFeed?.({ feed: 'ns', since: undefined, watch: 'w', maxBehindBytes: 1_000 }),
    ];
    const causes = (await Promise.allSettled(asked.map((each) => Promise.resolve(each)))).map((each) =>
      each.status === 'rejected' ? (each.reason as Error).cause : undefined,
    );
    expect(causes[0]).toBeInstanceOf(Error);
    expect(new Set(causes).size).toBe(1);
    server.resume();
  });
});
