import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { memcachedStore } from '../../src/store/memcached/memcached-store.js';
import type { Revision, Shard, Store } from '../../src/store/store.js';
import { eventually } from '../support/eventually.js';
import { startMemcached } from '../support/memcached-process.js';
import type { MemcachedProcess } from '../support/memcached-process.js';
import { startTcpProxy } from '../support/tcp-proxy.js';
import type { TcpProxy } from '../support/tcp-proxy.js';
import { patience } from '../support/patience.js';

const forever = { lifeMs: Infinity };

let server: MemcachedProcess;
let proxy: TcpProxy;
let store: Store;
let shard: Shard;
beforeAll(async () => {
  server = await startMemcached();
  proxy = await startTcpProxy(server.port);
});
afterAll(async () => {
  await proxy.close();
  await server.stop();
});
beforeEach(async () => {
  await server.restart();
  store = memcachedStore({ servers: proxy.address, ...patience });
  shard = store.shards[0];
  await store.open();
});
afterEach(() => store.close());

async function writtenRevision(key: string, text: string): Promise<Revision> {
  const outcome = await shard.write(key, Buffer.from(text), forever);
  if (outcome.status !== 'stored') throw new Error(`the write was ${outcome.status}`);
  return outcome.revision;
}

/** Until the store has noticed that its connection ended, and has another one. */
const reconnected = () => eventually(() => shard.readMany(['any']));

describe('a revision', () => {
  it('of before a restart is refused, although the server counts from 1 again and would take it', async () => {
    for (let writes = 0; writes < 10; writes++) await writtenRevision('other', '1');
    const mine = await writtenRevision('lock', 'mine');
    await server.restart();
    await reconnected();
    const theirs = `VA 6 c${mine.number}\r\ntheirs`;
    while ((await server.command('mg lock c v')) !== theirs) await server.command('set lock 0 0 6\r\ntheirs');

    expect(await shard.write('lock', Buffer.from('renewed'), { ...forever, only: mine })).toEqual({
      status: 'changed',
    });
    expect(await shard.remove('lock', mine)).toBe('changed');
    expect(await server.command('mg lock c v')).toBe(theirs);

    // What the session rule protects from: the server itself sees nothing wrong with the old revision.
    expect(await server.command(`ms lock 7 C${mine.number}\r\nrenewed`)).toBe('HD');
    expect(await server.command('mg lock v')).toBe('VA 7\r\nrenewed');
  });

  it('of a stub that was won before a restart fills nothing', async () => {
    const [won] = await shard.readOrStub(['cold'], 60_000);
    await server.restart();
    await reconnected();
    const [other] = await shard.readOrStub(['cold'], 60_000);
    expect([won?.won, other?.won]).toEqual([true, true]);
    const late = await shard.write('cold', Buffer.from('late'), { ...forever, only: won?.revision as Revision });
    expect(late.status).toBe('changed');
    expect((await shard.readMany(['cold']))[0]?.bytes.length).toBe(0);
  });

  it('of an earlier connection is refused without asking, though the server went on', async () => {
    const revision = await writtenRevision('a', '1');
    proxy.cut();
    await reconnected();
    const commandsBefore = await server.stats();
    expect(await shard.write('a', Buffer.from('2'), { ...forever, only: revision })).toEqual({ status: 'changed' });
    expect(await shard.remove('a', revision)).toBe('changed');
    const commandsAfter = await server.stats();
    for (const counter of ['cmd_set', 'cmd_meta', 'delete_hits', 'delete_misses', 'cas_hits', 'cas_badval']) {
      expect([counter, commandsAfter[counter]]).toEqual([counter, commandsBefore[counter]]);
    }
    const [present] = await shard.readMany(['a']);
    expect(present?.revision.session).toBe(revision.session + 1);
    expect((await shard.write('a', Buffer.from('2'), { ...forever, only: present?.revision as Revision })).status).toBe(
      'stored',
    );
  });
});
