import { gzipSync } from 'node:zlib';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from '@jest/globals';
import { Keyv } from 'keyv';
import { keyvStore } from '../../src/adapter/keyv-store.js';
import { bytes } from '../../src/codec/bytes.js';
import { gzip } from '../../src/codec/gzip.js';
import type { EntryOptions } from '../../src/catalogue/entry-options.js';
import { json } from '../../src/codec/json.js';
import { lengthPrefixed } from '../../src/codec/length-prefixed.js';
import { structured } from '../../src/codec/structured.js';
import { spliced } from '../../src/codec/spliced/spliced.js';
import { splicedDocument } from '../../src/codec/spliced/spliced-builder.js';
import { sealEnvelope } from '../../src/codec/envelope.js';
import type { Codec } from '../../src/codec/codec.js';
import { answerCodec, CachedAnswer } from '../../src/http/cached-answer.js';
import { toKey } from '../../src/key/key.js';
import { WarningLog } from '../../src/module/warning-log.js';
import { RequestCache } from '../../src/near/request-cache.js';
import { RequestScope } from '../../src/near/request-scope.js';
import { memcachedStore } from '../../src/store/memcached/memcached-store.js';
import { memoryStore } from '../../src/store/memory-store.js';
import type { Shard } from '../../src/store/store.js';
import { reportFault } from '../../src/value/events.js';
import { UnencodableValueError } from '../../src/value/errors.js';
import { buildCache } from '../support/build-cache.js';
import { eventually } from '../support/eventually.js';
import { greeting, startFakeServer } from '../support/fake-server.js';
import { logRead } from '../support/log-read.js';
import { recordEvents } from '../support/recorded-events.js';
import { patience } from '../support/patience.js';

const mebibyte = 2 ** 20;

function collected(): NodeJS.MemoryUsage {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage();
}

describe('keys', () => {
  it('of 7 KB are invalidated by name: no other process drops more than them', async () => {
    const store = memoryStore();
    const [reader, writer] = [await buildCache({ store, name: 'reader' }), await buildCache({ store })];
    const events = recordEvents('nearCleared');
    const keys = Array.from({ length: 100 }, (_, index) => `${index}:${'long'.repeat(1_750)}`);
    for (const key of [...keys, 'other']) await writer.set(key, 1);
    /** A process that was kept from running believes nothing until it has read the feed again. */
    const near = async (): Promise<string[]> => {
      await logRead('reader');
      return [...keys, 'other'].filter((key) => reader.peek(key) !== undefined).map((key) => key.slice(0, 5));
    };
    const all = [...keys, 'other'].map((key) => key.slice(0, 5));
    await logRead('reader');
    await reader.getMany([...keys, 'other']);
    await eventually(async () => expect(await near()).toEqual(all));
    await writer.deleteMany(keys);
    await eventually(async () => expect(await near()).toEqual(['other']));
    expect(events.all).toEqual([]);
    events.stop();
    await Promise.all([reader.close(), writer.close()]);
  });

  it.each(['x'.repeat(201), '', '\ud800', 7])('%#: what is no tag is refused, wherever it is named', async (tag) => {
    const cache = await buildCache();
    const bad = tag as string;
    await expect(cache.invalidateTags(bad)).rejects.toThrow(/tags: a tag is not a text of 1 to 200/);
    await expect(cache.getOrSet('a', () => 1, { tags: [bad] })).rejects.toThrow(/1 to 200/);
    await expect(cache.getOrSet('a', ({ tag: name }) => (name(bad), 1))).rejects.toThrow(/1 to 200/);
    await cache.close();
  });

  it.each(['a\ud800', 'x'.repeat(0x10000), 'é'.repeat(0x8000)])(
    '%#: what is no version of an entry is refused before the loader is asked',
    async (version) => {
      const cache = await buildCache({ process: false });
      let loads = 0;
      const options = { version };
      for (const call of [
        () => cache.getOrSet('a', () => ++loads, options),
        () => cache.getOrSetMany(['a'], () => [['a', ++loads]], options),
        () => cache.set('a', 1, options),
        () => cache.get('a', options),
      ])
        await expect(call()).rejects.toThrow(/version: it can’t stand in an entry/);
      expect(loads).toBe(0);
      const longest = { version: 'x'.repeat(0xffff) };
      for (let time = 0; time < 2; time++) expect(await cache.getOrSet('a', () => ++loads, longest)).toBe(1);
      await cache.close();
    },
  );
});

describe('the process tier', () => {
  it.each<[string, (index: number) => EntryOptions]>([
    ['tags', (index) => ({ tags: Array.from({ length: 16 }, (_, tag) => `${index} ${tag}`.padEnd(35, '-')) })],
    ['versions', (index) => ({ version: `${index} ${'-'.repeat(8_000)}`.replaceAll('-', '+') })],
  ])('counts %s: entries that have their own stay within a few times the bound', async (_, options) => {
    const cache = await buildCache({ store: undefined, process: { maxEntries: 1_000_000, maxBytes: mebibyte } });
    await cache.set('first', 0, options(0));
    const before = collected().heapUsed;
    for (let index = 1; index <= 4_000; index++) await cache.set(`k${index}`, index, options(index));
    await eventually(() => expect((collected().heapUsed - before) / mebibyte).toBeLessThan(4));
    const { version } = options(4_000);
    expect(await cache.get('k4000', { version })).toBe(4_000);
    await cache.close();
  });

  it.each<[string, Codec<string>, number]>([
    ['counts what comes out of gzip', gzip(json<string>()), 3],
    ['also behind a length', lengthPrefixed(gzip(json<string>())), 3],
    [
      'control: a codec that does not say so counts as its payload',
      { ...gzip(json<string>()), decodedBytes: undefined } as never,
      8,
    ],
  ])('%s', async (_title, codec, expected) => {
    const cache = await buildCache({ process: { maxBytes: 3.5 * mebibyte } });
    const keys = Array.from({ length: 8 }, (_, index) => `k${index}`);
    for (const key of keys) await cache.set(key, key.repeat(mebibyte / 2), { codec });
    await nextTurn();
    const held: boolean[] = [];
    for (const key of keys) held.push(cache.peek(key) !== undefined || (await peeked(key)));
    async function peeked(key: string): Promise<boolean> {
      const { tiers } = await cache.explain(key);
      return tiers.some(({ tier, hit }) => tier === 'process' && hit);
    }
    expect(held.filter(Boolean)).toHaveLength(expected);
    await cache.close();
  });
});

describe('small bytes that are kept', () => {
  const small = Buffer.from('small');
  /** What lies in Node's pool holds its 8 KiB for as long as it is kept. */
  const heldBy = (bytes: Uint8Array): number => bytes.buffer.byteLength - bytes.length;
  /** Tells what its readers are given bytes of. */
  const spying = (decoded: Buffer[], isolation: 'clone' | 'share'): Codec<unknown> => ({
    name: 'spying',
    isolations: [isolation],
    encode: () => small,
    decode: (payload) => decoded.push(payload) && payload,
  });

  it.each(['clone', 'share'] as const)(
    'hold nothing beside themselves in the near tiers under %s',
    async (isolation) => {
      const store = memoryStore();
      const [writer, reader] = [await buildCache({ store }), await buildCache({ store })];
      await writer.set('a', 1, { codec: spying([], isolation) });
      const decoded: Buffer[] = [];
      const options = { codec: spying(decoded, isolation) };
      for (const cache of [reader, reader]) await cache.getOrSet('a', () => 'loaded', options);
      expect(decoded.map((bytes) => [bytes.toString(), heldBy(bytes)])).toEqual(decoded.map(() => ['small', 0]));
      expect(decoded.length).toBeGreaterThan(0);
      await Promise.all([writer.close(), reader.close()]);
    },
  );

  it('hold nothing beside themselves in a request', async () => {
    const scope = new RequestScope();
    const cache = new RequestCache(scope, (key) => toKey(key).text).namespace();
    const decoded: Buffer[] = [];
    await scope.run(async () => {
      cache.set('a', 1, spying(decoded, 'clone'));
      cache.get('a');
    });
    expect(decoded.map(heldBy).at(-1)).toBe(0);
  });

  it('hold nothing beside themselves in the feed of a Keyv', async () => {
    const store = keyvStore(new Keyv());
    await store.open();
    const shard = store.shards[0] as Required<Shard>;
    const watch = 'watched';
    const { mark } = await shard.readFeed({ feed: 'feed', since: undefined, watch, maxBehindBytes: mebibyte });
    await shard.invalidate({ feed: 'feed', changes: [], records: [small], watch });
    const { records } = await shard.readFeed({ feed: 'feed', since: mark, watch, maxBehindBytes: mebibyte });
    expect(records.map((bytes) => [bytes.toString(), heldBy(bytes)])).toEqual([['small', 0]]);
    await store.close();
  });

  it('hold nothing beside themselves in a store in memory, nor do its counters and its feed', async () => {
    const store = memoryStore();
    await store.open();
    const shard = store.shards[0] as Required<Shard>;
    const watch = 'watched';
    const { mark } = await shard.readFeed({ feed: 'feed', since: undefined, watch, maxBehindBytes: mebibyte });
    await shard.write('item', small, { lifeMs: Infinity });
    await shard.increment('counter', 1, 5);
    await shard.invalidate({ feed: 'feed', changes: [], records: [small], watch });
    const items = await shard.readMany(['item', 'counter']);
    const { records } = await shard.readFeed({ feed: 'feed', since: mark, watch, maxBehindBytes: mebibyte });
    const kept = [...items.map((item) => item?.bytes as Buffer), ...records];
    expect(kept.map((bytes) => [bytes.toString(), heldBy(bytes)])).toEqual([
      ['small', 0],
      ['5', 0],
      ['small', 0],
    ]);
    await store.close();
  });

  it.each<[string, (decoded: Buffer) => Buffer]>([
    ['bytes()', (value) => bytes().decode(Buffer.from(bytes().encode(value)))],
    ['structured()', (value) => structured<Buffer>().decode(Buffer.from(structured().encode(value)))],
    ['the codec of cached answers', (body) => answerCodec.decode(Buffer.from(answerCodec.encode(answerOf(body)))).body],
  ])('hold nothing beside themselves in what %s decodes, which readers may share', (_title, decoded) => {
    expect([decoded(small).toString(), heldBy(decoded(small))]).toEqual(['small', 0]);
  });

  it('hold nothing beside themselves in a spliced document', async () => {
    const stored = spliced().encode(splicedDocument().literal('"small"').build());
    const documents: unknown[] = [];
    const before = arrayBufferBytes();
    for (let count = 0; count < 500; count++) {
      documents.push(spliced().decode(Buffer.from(stored)));
      Buffer.from('other'.repeat(800));
    }
    // A thread beside this one gives back what was collected.
    await eventually(() => expect(arrayBufferBytes() - before).toBeLessThan(mebibyte));
    expect(documents).toHaveLength(500);
  });

  const arrayBufferBytes = (): number => collected().arrayBuffers;

  function answerOf(body: Buffer): CachedAnswer {
    const life = { createdAt: 0, freshUntil: 1, staleForMs: 0 };
    return new CachedAnswer({ kind: 'bytes', headers: [], etag: undefined, ...life }, body);
  }
});

describe('what small bytes can do', () => {
  it('gzip grows no further than 16 MiB, and is refused before it does', () => {
    const codec = gzip(json());
    const bomb = gzipSync(Buffer.alloc(60 * mebibyte, 0x20), { level: 9 });
    bomb[9] = 255;
    const startedAt = process.cpuUsage();
    expect(() => codec.decode(bomb)).toThrow(/grows beyond/);
    bomb.writeUInt32LE(1_000, bomb.length - 4);
    expect(() => codec.decode(bomb)).toThrow();
    expect(process.cpuUsage(startedAt).user / 1_000).toBeLessThan(1_000);
    expect(() => codec.encode('x'.repeat(17 * mebibyte))).toThrow(UnencodableValueError);
    expect(() => gzip(json(), { maxBytes: 18 * mebibyte }).encode('x'.repeat(17 * mebibyte))).not.toThrow();
  });

  it('a bigint has at most 10,000 digits', () => {
    const codec = structured<bigint>();
    const largest = BigInt('9'.repeat(10_000));
    expect(codec.decode(Buffer.from(codec.encode(largest)))).toBe(largest);
    expect(() => codec.encode(largest + 1n)).toThrow(/more than 10000 digits/);
    expect(() => codec.encode(1n << 4_000_000n)).toThrow(/more than 10000 digits/);
    const digits = Buffer.from(`{"$":["bigint","${'9'.repeat(4_000_000)}"]}`);
    const startedAt = process.cpuUsage();
    expect(() => codec.decode(digits)).toThrow();
    expect(process.cpuUsage(startedAt).user / 1_000).toBeLessThan(500);
  });

  it.each(['freeze', 'clone', 'share'] as const)(
    'what is nested in 300,000 levels is a miss under %s',
    async (isolation) => {
      const store = memoryStore();
      const cache = await buildCache({ store, process: false });
      for (const text of [
        `${'['.repeat(300_000)}${']'.repeat(300_000)}`,
        `${'{"a":'.repeat(2_000)}1${'}'.repeat(2_000)}`,
      ]) {
        await cache.set('a', 1);
        const storeKey = cache.storeKey('a');
        const [item] = await store.shards[0].readMany([storeKey]);
        const generation = item?.bytes.readDoubleBE(32) as number;
        const head = {
          codec: 'json',
          createdAt: 1,
          freshUntil: Infinity,
          staleUntil: Infinity,
          loadCostMs: 0,
          tags: [],
          generation,
        };
        await store.shards[0].write(storeKey, sealEnvelope(storeKey, head, Buffer.from(text)), { lifeMs: Infinity });
        expect(await cache.getOrSet<unknown>('a', () => 'loaded', { isolation })).toBe('loaded');
      }
      await cache.close();
    },
  );

  it('a server that announces a gigabyte is not given one', async () => {
    const announced = 1_000_000_000;
    const server = await startFakeServer((line) => {
      if (line === 'stats settings') return `STAT item_size_max ${announced}\r\nSTAT evictions on\r\nEND\r\n`;
      const opaque = line.split(' ').at(-1) ?? '';
      return line.startsWith('mg big') ? `VA ${announced} c1 ${opaque}\r\nonly this` : greeting('1.6.41')(line);
    });
    const store = memcachedStore({ servers: server.address, connectTimeout: patience.connectTimeout });
    await store.open();
    const before = process.memoryUsage().arrayBuffers;
    const answer = expect(store.shards[0].readMany(['big'])).rejects.toThrow();
    await eventually(() => expect(server.chunks.some((chunk) => chunk.includes('mg big'))).toBe(true));
    for (let turn = 0; turn < 20; turn++) {
      await nextTurn();
      expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(100 * mebibyte);
    }
    await answer;
    await store.close();
    await server.close();
  });

  it('a value larger than the first room for it arrives whole', async () => {
    const value = Buffer.from('0123456789abcdef'.repeat(40_000));
    const server = await startFakeServer((line) => {
      const opaque = line.split(' ').at(-1) ?? '';
      if (!line.startsWith('mg large')) return greeting('1.6.41')(line);
      return `VA ${value.length} c1 ${opaque}\r\n${value.toString()}\r\n`;
    });
    const store = memcachedStore({ servers: server.address, ...patience });
    await store.open();
    for (let round = 0; round < 5; round++) {
      const [item] = await store.shards[0].readMany(['large']);
      expect(item?.bytes.equals(value)).toBe(true);
    }
    await store.close();
    await server.close();
  });
});

describe('what is said', () => {
  it('of a value that can not be decoded quotes nothing of it, in the event and all its causes', async () => {
    const store = memoryStore();
    const cache = await buildCache({ store, process: false });
    const secret = 's3cr3t-p1n-4711';
    const quoting: Codec<unknown> = {
      name: 'json',
      isolations: ['clone'],
      encode: () => Buffer.from('1'),
      decode: (payload) => {
        throw new Error(`can't read ${payload.toString()}`, { cause: new Error(secret) });
      },
    };
    for (const codec of [json(), structured(), gzip(json()), quoting]) {
      await cache.set('a', 1);
      const storeKey = cache.storeKey('a');
      const [item] = await store.shards[0].readMany([storeKey]);
      const generation = item?.bytes.readDoubleBE(32) as number;
      const head = { createdAt: 1, freshUntil: Infinity, staleUntil: Infinity, loadCostMs: 0, tags: [], generation };
      const bytes = sealEnvelope(storeKey, { ...head, codec: codec.name }, Buffer.from(`{"pin": ${secret}}`));
      await store.shards[0].write(storeKey, bytes, { lifeMs: Infinity });
      const events = recordEvents('fault');
      expect(await cache.getOrSet<unknown>('a', () => undefined, { codec })).toBeUndefined();
      const [fault] = events.of('fault');
      events.stop();
      expect(fault?.kind).toBe('undecodable');
      for (let error: unknown = fault?.cause; error !== undefined; error = (error as Error).cause) {
        expect(`${(error as Error).message} ${(error as Error).stack}`).not.toContain('s3cr3t');
      }
    }
    await cache.close();
  });

  it('in a log stays one line, and steers no terminal', () => {
    const lines: string[] = [];
    const log = new WarningLog({ warn: (line: string) => lines.push(line), log: (line: string) => lines.push(line) });
    const message = 'ERR \u001b[2J\r\nforged: all is well \u202e\u0007';
    reportFault({ source: 'a\nb', kind: 'degraded', message });
    log.stop();
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('\\u001b[2J\\u000d\\nforged');
    // eslint-disable-next-line no-control-regex -- they are what it looks for
    expect(lines[0]).not.toMatch(/[\u0000-\u001f\u202e]/);
  });
});
