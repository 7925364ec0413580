import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { memcachedStore } from '../../src/store/memcached/memcached-store.js';
import type { Store } from '../../src/store/store.js';
import { InvalidDurationError, InvalidOptionError, StoreUnavailableError } from '../../src/value/errors.js';
import { eventually } from '../support/eventually.js';
import { startMemcached } from '../support/memcached-process.js';
import type { MemcachedProcess } from '../support/memcached-process.js';

const forever = { lifeMs: Infinity };
const keys = Array.from({ length: 3_000 }, (_, index) => `key:${index}`);

describe('options', () => {
  const shardNames = (servers: string | readonly string[]) =>
    memcachedStore({ servers }).shards.map((shard) => shard.name);

  it('take servers as a list or as one text, with and without ports', () => {
    const expected = ['memcached 10.0.0.1:11211', 'memcached cache.local:11212', 'memcached [::1]:11213'];
    expect(shardNames(['10.0.0.1', 'cache.local:11212', '[::1]:11213'])).toEqual(expected);
    expect(shardNames(' 10.0.0.1:11211, cache.local:11212 ,[::1]:11213,')).toEqual(expected);
    expect(shardNames('[::1]')).toEqual(['memcached [::1]:11211']);
  });

  it.each([
    '',
    ' , ',
    'host:',
    'host:0',
    'host:65536',
    'host:abc',
    '::1',
    '[::1',
    'a b',
    'a\r\nb',
    'a:1,a:1',
    'a,a:11211',
    'memcached://a',
    'a/b',
  ])('refuse the servers %j', (servers) => {
    expect(() => memcachedStore({ servers })).toThrow(InvalidOptionError);
    expect(() => memcachedStore({ servers })).toThrow(/^servers: .*host:port/);
    expect(() => memcachedStore({ servers: servers.split(',') })).toThrow(InvalidOptionError);
  });

  it.each([undefined, 7, [7], {}])('refuse %p for servers', (servers) => {
    expect(() => memcachedStore({ servers: servers as unknown as string })).toThrow(/^servers: /);
  });

  it('refuse deadlines that are none', () => {
    for (const bad of [0, -1, NaN, Infinity, 'soon' as '1s']) {
      expect(() => memcachedStore({ servers: 'a', connectTimeout: bad })).toThrow(InvalidDurationError);
      expect(() => memcachedStore({ servers: 'a', commandTimeout: bad })).toThrow(/commandTimeout/);
    }
    expect(() => memcachedStore({ servers: 'a', connectTimeout: '1s', commandTimeout: 10 })).not.toThrow();
  });

  it.each([0, -1, NaN, 0.5, '1m'])('refuse %p for maxItemBytes', (maxItemBytes) => {
    expect(() => memcachedStore({ servers: 'a', maxItemBytes: maxItemBytes as number })).toThrow(/^maxItemBytes: /);
  });
});

describe('placement', () => {
  const names = (servers: readonly string[]): string[] => {
    const store = memcachedStore({ servers });
    return keys.map((key) => store.shardOf(key).name);
  };
  const four = ['10.0.0.1', '10.0.0.2', '[::1]:11213', 'cache.local:11214'];

  it('is even, and the same whatever the order of the servers', () => {
    const placed = names(four);
    for (const name of new Set(placed)) {
      const share = placed.filter((each) => each === name).length / keys.length;
      expect(share).toBeGreaterThan(0.15);
      expect(share).toBeLessThan(0.35);
    }
    expect(new Set(placed).size).toBe(4);
    expect(names([...four].reverse())).toEqual(placed);
  });

  it('is that of ketama, so that no release moves keys', () => {
    const store = memcachedStore({ servers: ['10.0.0.1', '10.0.0.2', '10.0.0.3'] });
    const placed = keys.map((key) => store.shardOf(key).name);
    expect(placed).toEqual(ketama(keys).map((name) => `memcached 10.0.0.${name}:11211`));
  });

  it('S2 moves only the keys of a server that is taken out, and only a share when one is added', () => {
    const before = names(four);
    const without = names(four.slice(0, 3));
    for (const [index, name] of before.entries()) {
      if (name !== 'memcached cache.local:11214') expect(without[index]).toBe(name);
    }
    const moved = names([...four, '10.0.0.9']).filter((name, index) => name !== before[index]);
    expect(new Set(moved)).toEqual(new Set(['memcached 10.0.0.9:11211']));
    expect(moved.length / keys.length).toBeLessThan(0.3);
  });
});

describe('one of three servers lost', () => {
  let servers: MemcachedProcess[];
  let store: Store;
  beforeAll(async () => {
    servers = await Promise.all([startMemcached(), startMemcached(), startMemcached()]);
    store = memcachedStore({ servers: servers.map(({ address }) => address), commandTimeout: 2_000 });
    await store.open();
  });
  afterAll(async () => {
    await store.close();
    await Promise.all(servers.map((server) => server.stop()));
  });

  it('S2 costs its keys alone: the others stay where they are, and nothing is written elsewhere in its place', async () => {
    const some = keys.slice(0, 300);
    await Promise.all(some.map((key) => store.shardOf(key).write(key, Buffer.from(key), forever)));
    const lost = servers[1] as MemcachedProcess;
    const lostName = `memcached ${lost.address}`;
    const itemsOf = async (server: MemcachedProcess) => Number((await server.stats())['curr_items']);
    const others = servers.filter((server) => server !== lost);
    const countsBefore = await Promise.all(others.map(itemsOf));
    await lost.kill();

    const outcomes = await Promise.all(
      some.map(async (key) => {
        const shard = store.shardOf(key);
        const read = await shard.readMany([key]).then(
          ([item]) => item?.bytes.toString(),
          (error: unknown) => error,
        );
        const written = await shard.write(key, Buffer.from(key), forever).then(
          ({ status }) => status,
          (error: unknown) => error,
        );
        return { key, name: shard.name, read, written };
      }),
    );
    for (const { key, name, read, written } of outcomes) {
      if (name === lostName) {
        expect(read).toBeInstanceOf(StoreUnavailableError);
        expect(written).toBeInstanceOf(StoreUnavailableError);
      } else expect([read, written]).toEqual([key, 'stored']);
    }
    const share = outcomes.filter(({ name }) => name === lostName).length;
    expect(share).toBeGreaterThan(30);
    expect(share).toBeLessThan(180);
    expect(await Promise.all(others.map(itemsOf))).toEqual(countsBefore);

    await lost.start();
    const ofLost = outcomes.filter(({ name }) => name === lostName).map(({ key }) => key);
    const items = await eventually(() => store.shardOf(ofLost[0] as string).readMany(ofLost));
    expect(items).toEqual(ofLost.map(() => undefined));
  });
});

/** The ring by its definition: 40 md5 digests per server of four points each, little-endian; a key goes to the next point. */
function ketama(some: readonly string[]): string[] {
  const md5 = (text: string) => createHash('md5').update(text).digest();
  const points = ['1', '2', '3'].flatMap((name) =>
    Array.from({ length: 40 }, (_, index) => md5(`10.0.0.${name}:11211-${index}`)).flatMap((digest) =>
      [0, 4, 8, 12].map((at) => ({ at: digest.readUInt32LE(at), name })),
    ),
  );
  points.sort((a, b) => a.at - b.at);
  return some.map((key) => {
    const at = md5(key).readUInt32LE(0);
    return (points.find((point) => point.at >= at) ?? points[0])?.name ?? '';
  });
}
