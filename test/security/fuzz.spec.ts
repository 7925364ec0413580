import { crc32 } from 'node:zlib';
import { describe, expect, it, jest } from '@jest/globals';
import type { Codec } from '../../src/codec/codec.js';
import { openEnvelope, sealEnvelope } from '../../src/codec/envelope.js';
import { gzip } from '../../src/codec/gzip.js';
import { Integrity } from '../../src/codec/integrity.js';
import { json } from '../../src/codec/json.js';
import { compileSpliced } from '../../src/codec/spliced/compile-spliced.js';
import { hole } from '../../src/codec/spliced/hole.js';
import { SplicedDocument } from '../../src/codec/spliced/spliced-document.js';
import { spliced } from '../../src/codec/spliced/spliced.js';
import { structured } from '../../src/codec/structured.js';
import { decodeRecord, encodeRecord } from '../../src/coherence/feed-record.js';
import { tagName } from '../../src/coherence/invalidated-names.js';
import { decodeRegistry, encodeRegistry } from '../../src/coherence/version-registry.js';
import { answerCodec, CachedAnswer } from '../../src/http/cached-answer.js';
import { storeKeyUnder } from '../../src/key/key-space.js';
import { decodeRecord as decodeLock, encodeRecord as encodeLock, holderOf } from '../../src/lock/lock-record.js';
import { decodeSegment, encodeSegmentHead, frameRecords, recordsFrom } from '../../src/store/memcached/feed-segment.js';
import { ReplyInChunk, readReplyAt, replyOf } from '../../src/store/memcached/meta-reply.js';
import { recordsOf } from '../../src/store/redis/feed-frames.js';
import { openItem, sealItem } from '../../src/store/redis/redis-item.js';
import { isCounter } from '../../src/store/sound-counter.js';
import { isWireSafe } from '../../src/store/store-key.js';
import { UndecodableError } from '../../src/value/errors.js';
import { seededRandom } from '../support/seeded-random.js';
import type { SeededRandom } from '../support/seeded-random.js';

const inputs = process.env['ENDURANCE'] === '1' ? 100_000 : 2_000;
jest.setTimeout(600_000);
const storeKey = 'app:1.0.0::policy:u-1';
const sevenDaysMs = 7 * 24 * 3_600_000;

/** A matcher for each of so many inputs would take longer than what it looks at. */
function must(holds: boolean): void {
  if (!holds) throw new Error('What was answered may not be.');
}

/** What a byte is changed to, where what stands there means something. */
const telling = Buffer.from('\0\u0001\u007f\u0080ÿ[]{}"\\,:0129- \r\n$eENIaftu', 'latin1');

/** Bytes that were genuine, changed in a few places; or bytes that never were. */
function changed(random: SeededRandom, genuine: readonly Buffer[]): Buffer {
  if (random() < 0.05) return random.bytes(random.integer(0, 120));
  let bytes = Buffer.from(random.pick(genuine));
  for (let left = random.integer(1, 4); left > 0; left--) {
    const at = random.integer(0, Math.max(0, bytes.length - 1));
    const how = random.integer(0, 6);
    if (how === 0) bytes = bytes.subarray(0, at);
    else if (how === 1)
      bytes = Buffer.concat([bytes.subarray(0, at), random.bytes(random.integer(1, 8)), bytes.subarray(at)]);
    else if (how === 2) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + random.integer(1, 8))]);
    else if (how === 3) bytes = Buffer.concat([bytes, bytes.subarray(at)]);
    else if (bytes.length > 0) bytes[at] = how === 4 ? random.integer(0, 255) : random.pick<number>([...telling]);
  }
  return bytes;
}

/**
 * Feeds a decoder. It answers, or says that it can't: nothing else is thrown, and what it answers is what it may be.
 * @returns how many were answered.
 */
function fuzz(seed: number, genuine: readonly Buffer[], decode: (bytes: Buffer) => boolean): number {
  const random = seededRandom(seed);
  let answered = 0;
  for (let input = 0; input < inputs; input++) {
    const bytes = changed(random, genuine);
    try {
      if (decode(bytes)) answered++;
    } catch (error) {
      if (error instanceof UndecodableError) continue;
      throw new Error(`input ${input} of seed ${seed}: ${bytes.toString('hex')}`, { cause: error });
    }
  }
  return answered;
}

const genuineOf = <V>(codec: Codec<V>, values: readonly V[]): Buffer[] =>
  values.map((value) => Buffer.from(codec.encode(value)));

/** What a decoder that answers has understood can be stored again, and reads the same. */
function decoderOf<V>(codec: Codec<V>): (payload: Buffer) => boolean {
  return (payload) => {
    const again = Buffer.from(codec.encode(codec.decode(payload)));
    must(Buffer.from(codec.encode(codec.decode(again))).equals(again));
    return true;
  };
}

describe('bytes that were changed in a store, or on the way from it', () => {
  const head = {
    codec: 'json',
    createdAt: 1_700_000_000_000,
    freshUntil: 1_700_000_300_000,
    staleUntil: Infinity,
    loadCostMs: 250,
    generation: 1_700_000_000_000_001,
    version: 'v7',
    tags: [{ tag: 'policy:é', generation: 3 }],
  };

  it(`fuzzed, ${inputs} envelopes with a right checksum answer or are undecodable`, () => {
    const genuine = [
      sealEnvelope(storeKey, head, Buffer.from('{"a":1}')),
      sealEnvelope(storeKey, { ...head, tags: [], codec: 'flag' }, Buffer.from('1')),
    ];
    const answered = fuzz(1, genuine, (bytes) => {
      if (bytes.length >= 8) bytes.writeUInt32BE(crc32(bytes.subarray(8), crc32(storeKey)), 4);
      const envelope = openEnvelope(storeKey, bytes);
      must(envelope.payload.length <= bytes.length);
      for (const instant of [envelope.createdAt, envelope.freshUntil, envelope.staleUntil]) {
        must(instant >= 0);
      }
      for (const one of [envelope, ...envelope.tags]) must(Number.isSafeInteger(one.generation));
      must(typeof envelope.codec === 'string');
      return true;
    });
    expect(answered).toBeGreaterThan(0);
  });

  it(`fuzzed, ${inputs} signed ones count only as they were signed`, () => {
    const integrity = new Integrity({ keys: [{ id: 'k', secret: 's'.repeat(32) }] });
    const genuine = integrity.seal(storeKey, Buffer.from('{"a":1}'));
    const random = seededRandom(2);
    for (let input = 0; input < inputs; input++) {
      const bytes = changed(random, [genuine]);
      must((integrity.open(storeKey, bytes) === undefined) === !bytes.equals(genuine));
    }
  });

  it(`fuzzed, ${inputs} records and segments of the feed, lists of versions and locks answer or are none`, () => {
    const record = encodeRecord({
      writer: 'AAAAAAAAAAAA',
      number: 7,
      at: 1_700_000_000_000,
      names: ['a:#1', tagName('é')],
    });
    const registry = encodeRegistry({
      clear: 5,
      prefixes: [{ prefix: 'app:1::', fingerprint: '2:readable', generation: 7, renewedAt: 1 }],
    });
    const lock = encodeLock({ holder: holderOf('a'.repeat(24)), until: 1_700_000_000_000, ttlMs: 60_000 });
    const segment = Buffer.concat([encodeSegmentHead({ id: 'abc', predecessor: '-' }), frameRecords([record, lock])]);
    const answered = fuzz(3, [record, registry, lock, segment], (bytes) => {
      const told = decodeRecord(bytes);
      if (told) {
        expect([typeof told.writer, Number.isFinite(told.at), Number.isSafeInteger(told.number)]).toEqual([
          'string',
          true,
          true,
        ]);
        for (const name of told.names) must(typeof name === 'string');
      }
      const listed = decodeRegistry(bytes);
      if (listed) {
        expect([listed.clear, ...listed.prefixes.map(({ generation }) => generation)].every(isCounter)).toBe(true);
        for (const { prefix } of listed.prefixes) must(isWireSafe(storeKeyUnder(prefix, 'k'.repeat(300))));
      }
      const held = decodeLock(bytes);
      if (held) must(held.ttlMs <= sevenDaysMs);
      const found = decodeSegment(bytes);
      const records = recordsFrom(bytes, found?.headBytes ?? 0);
      recordsOf([bytes]);
      for (const one of records ?? []) must(one.length <= bytes.length);
      return told !== undefined || listed !== undefined || held !== undefined || found !== undefined;
    });
    expect(answered).toBeGreaterThan(0);
  });

  it(`fuzzed, ${inputs} stored answers of routes can be sent, or are undecodable`, () => {
    const answer = {
      headers: [
        ['content-type', 'text/plain'],
        ['x-a', ['1', '2']],
      ],
      etag: '"a"',
      createdAt: 1,
      freshUntil: 2,
      staleForMs: 0,
    } as const;
    const document = compileSpliced({ uid: 'u', jwt: hole(2) });
    const genuine = genuineOf(answerCodec, [
      new CachedAnswer({ ...answer, kind: 'text' }, Buffer.from('body')),
      new CachedAnswer({ ...answer, kind: 'spliced', etag: undefined }, document.toBuffer()),
    ]);
    const answered = fuzz(4, genuine, (payload) => {
      const { head: told, document: filled } = decodedAnswer(payload);
      const sent = new Headers();
      for (const [name, value] of told.headers) for (const one of [value].flat()) sent.append(name, one);
      if (told.etag !== undefined) sent.append('etag', told.etag);
      must(Number.isFinite(told.createdAt));
      if (told.kind === 'spliced') expect(filled).toBeInstanceOf(SplicedDocument);
      return true;
    });
    expect(answered).toBeGreaterThan(0);
  });

  it(`fuzzed, ${inputs} replies of memcached are read within their bytes`, () => {
    const genuine = [
      'VA 5 c7 t-1 f60 s5 O12\r\nvalue\r\nHD O13\r\n',
      'VA 3 c12 W t60 O1\r\nabc\r\n',
      'HD c9 O2\r\n',
      'EN O3\r\nNS O4\r\nEX O5\r\nNF O6\r\n',
    ].map((line) => Buffer.from(line, 'latin1'));
    const reply = new ReplyInChunk();
    const answered = fuzz(5, genuine, (chunk) => {
      const end = readReplyAt(chunk, 0, reply);
      if (end > 0) {
        must(end <= chunk.length);
        must(reply.end <= end);
        must((reply.value?.length ?? 0) < chunk.length);
        for (const number of [reply.opaque, reply.revision, reply.secondsLeft]) {
          must(number === undefined || Number.isSafeInteger(number));
        }
        must(!reply.isItem() || Number.isSafeInteger(reply.revision));
      }
      const odd = replyOf(chunk.toString('latin1').split('\r\n')[0]?.split(' ') ?? [], undefined);
      for (const number of [odd.opaque, odd.revision, odd.size]) must(number === undefined || number >= 0);
      return end > 0;
    });
    expect(answered).toBeGreaterThan(0);
  });

  it(`fuzzed, ${inputs} items of Redis are items of this key, counters or neither`, () => {
    const genuine = [
      sealItem(storeKey, 77n, Buffer.from('payload')),
      sealItem(storeKey, 78n, Buffer.from('payload'), 1_700_000_000_000),
      Buffer.from('12345'),
    ];
    const answered = fuzz(6, genuine, (bytes) => {
      const item = openItem(storeKey, bytes);
      if (item === 'foreign') return false;
      if (item === 'digits') expect(bytes.toString('latin1')).toMatch(/^(0|[1-9]\d{0,19})$/);
      else must(item.payload.length < bytes.length);
      return true;
    });
    expect(answered).toBeGreaterThan(0);
  });

  const rich = {
    map: new Map<unknown, unknown>([['a', new Set([1n, -0, NaN])]]),
    at: new Date(5),
    bytes: Buffer.from('abc'),
    typed: new Float64Array([1.5]),
    $: 'dollar',
    nothing: undefined,
  };
  it(`fuzzed, ${inputs} structured values answer with what can be stored again`, () => {
    expect(fuzz(7, genuineOf(structured(), [rich, [1, 'x'], -0]), decoderOf(structured()))).toBeGreaterThan(0);
  });

  it(`fuzzed, ${inputs} values of JSON and of gzip answer with what can be stored again`, () => {
    const values = [{ a: [1, 'x', null], __proto: { b: true } }, 'text', [[[]]]];
    expect(fuzz(8, genuineOf(json(), values), decoderOf(json()))).toBeGreaterThan(0);
    expect(fuzz(9, genuineOf(gzip(json()), values), decoderOf(gzip(json())))).toBeGreaterThanOrEqual(0);
  });

  it(`fuzzed, ${inputs} spliced documents answer, and those that claim to be JSON are`, () => {
    const documents = [compileSpliced({ uid: 'u1', jwt: hole(2), list: [1, hole(3, 'é')] })];
    const strict = spliced({ check: 'json' });
    expect(fuzz(10, genuineOf(spliced(), documents), decoderOf(spliced()))).toBeGreaterThan(0);
    fuzz(11, genuineOf(strict, documents), (payload) => {
      const { literals } = strict.decode(payload);
      expect(() => void JSON.parse(Buffer.from(literals.join('x'), 'latin1').toString())).not.toThrow();
      return true;
    });
  });
});

/** As it is decoded, and, where it is a document, looked at. */
function decodedAnswer(payload: Buffer): {
  readonly head: CachedAnswer['head'];
  readonly document: SplicedDocument | undefined;
} {
  const answer = answerCodec.decode(payload);
  try {
    return { head: answer.head, document: answer.head.kind === 'spliced' ? answer.document : undefined };
  } catch (cause) {
    throw new Error('It is decoded, and can not be sent.', { cause });
  }
}
