import { constants } from 'node:buffer';
import { createHash } from 'node:crypto';
import { getEventListeners, once } from 'node:events';
import { Agent } from 'node:http';
import { crc32 } from 'node:zlib';
import type { Readable } from 'node:stream';
import type { S3Client } from '@aws-sdk/client-s3';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  ObjectArchivedError,
  ObjectChangedError,
  ObjectDamagedError,
  ObjectExistsError,
  ObjectStoreUnavailableError,
} from '../../../src/object/object-errors.js';
import { S3ObjectStore } from '../../../src/object/s3/s3-object-store.js';
import type { OpenOptions, PresignOptions } from '../../../src/object/object-store.js';
import type { S3Tuning } from '../../../src/object/s3/s3-tuning.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';
import { patterned } from '../../../src/testing/object-store-contract/bench.js';
import { slices } from '../../../src/testing/object-store-contract/objects.js';
import { eventually } from '../../support/eventually.js';
import { S3StandIn } from '../../support/s3-stand-in.js';

const size = 300_000;
const object = patterned(size);
const other = patterned(size, 'another version');

let standIn: S3StandIn;
let client: S3Client;
let clock: FakeClock;
beforeEach(async () => {
  standIn = await S3StandIn.start(object);
  client = standIn.client();
  clock = new FakeClock();
});
afterEach(async () => {
  client.destroy();
  await standIn.stop();
});

const store = (tuning: Partial<S3Tuning> = {}): S3ObjectStore =>
  new S3ObjectStore({ client, bucket: 'b' }, { clock, random: () => 0, pausesMs: [0, 0, 0], ...tuning });

/** Reads on and keeps what came, so that a test can look at it while the body goes on. */
class Reader {
  readonly chunks: Buffer[] = [];
  readonly done: Promise<void>;

  constructor(readonly body: Readable) {
    body.on('data', (chunk: Buffer) => this.chunks.push(chunk));
    this.done = new Promise((resolve, reject) => body.once('end', resolve).once('error', reject));
    this.done.catch(() => undefined);
  }

  get bytes(): Buffer {
    return Buffer.concat(this.chunks);
  }

  async has(count: number): Promise<void> {
    await eventually(() => expect(this.bytes.length).toBe(count));
  }
}

/** Asks for a range, since only the answer to one can end early and look whole. */
const reading = async (tuning?: Partial<S3Tuning>, options: OpenOptions = {}): Promise<Reader> =>
  new Reader((await store(tuning).open('k', { range: { start: 0 }, ...options })).body);
const ranges = (): (string | undefined)[] => standIn.requests.map(({ range }) => range);

const etag = `"${createHash('md5').update(object).digest('hex')}"`;

describe('A body of S3 that breaks off', () => {
  it.each(['reset', 'hang-up', 'end'] as const)(
    'by a %s goes on at the next byte, of the same version',
    async (does) => {
      standIn.faults = [
        { does, atByte: 100_000 },
        { does, atByte: 100_001 },
        { does, atByte: 250_000 },
      ];
      const reader = await reading();
      await reader.done;
      expect(reader.bytes.equals(object)).toBe(true);
      const [first, ...others] = standIn.requests;
      expect(first).toMatchObject({ range: 'bytes=0-', ifMatch: undefined });
      expect(others).toHaveLength(3);
      for (const { range, ifMatch } of others) {
        expect(range).toMatch(/^bytes=\d+-299999$/);
        expect(ifMatch).toBe(etag);
      }
    },
  );

  it('goes on within the range that was asked for', async () => {
    standIn.faults = [{ does: 'end', atByte: 1500 }];
    const { body, range } = await store().open('k', { range: { start: 1000, end: 1999 } });
    const reader = new Reader(body);
    await reader.done;
    expect(range).toEqual({ start: 1000, end: 1999 });
    expect(reader.bytes.equals(object.subarray(1000, 2000))).toBe(true);
    expect(ranges()).toEqual(['bytes=1000-1999', 'bytes=1500-1999']);
  });

  it('early and well is not taken for a whole one; without the comparison of sizes it is', async () => {
    standIn.faults = [{ does: 'end', atByte: 1000 }];
    const reader = await reading();
    await reader.done;
    expect(reader.bytes.equals(object)).toBe(true);

    standIn.faults = [{ does: 'end', atByte: 1000 }];
    const unchecked = await reading({ checksSize: false }, { verify: false });
    await unchecked.done;
    expect(unchecked.bytes.length).toBe(1000);
  });

  it('three times without a megabyte in between is given up', async () => {
    standIn.faults = Array.from({ length: 9 }, () => ({ does: 'end', atByte: 1000 }) as const);
    const reader = await reading();
    await expect(reader.done).rejects.toThrow(ObjectStoreUnavailableError);
    expect(reader.bytes.equals(object.subarray(0, 1000))).toBe(true);
    expect(standIn.requests).toHaveLength(4);
  });

  it('has its tries back after a megabyte', async () => {
    const large = patterned(6_000_000);
    standIn.replace(large);
    standIn.faults = Array.from(
      { length: 5 },
      (_, index) => ({ does: 'end', atByte: (index + 1) * 1_050_000 }) as const,
    );
    const reader = await reading();
    await reader.done;
    expect(reader.bytes.equals(large)).toBe(true);
    expect(standIn.requests).toHaveLength(6);
  });

  it('waits longer before each try in a row', async () => {
    standIn.faults = Array.from({ length: 9 }, () => ({ does: 'end', atByte: 1000 }) as const);
    const reader = await reading({ pausesMs: [200, 1000, 3000] });
    for (const [index, pauseMs] of [100, 500, 1500].entries()) {
      await eventually(() => expect([standIn.requests.length, clock.waiting]).toEqual([index + 1, 1]));
      await clock.advance(pauseMs - 1);
      expect(standIn.requests).toHaveLength(index + 1);
      await clock.advance(1);
    }
    await expect(reader.done).rejects.toThrow(ObjectStoreUnavailableError);
  });

  it('while nobody reads is not opened again until somebody does', async () => {
    standIn.replace(patterned(6_000_000));
    standIn.faults = [{ does: 'reset', atByte: 3_000_000 }];
    const { body } = await store().open('k');
    body.once('readable', () => undefined);
    await eventually(() => expect(standIn.openSockets).toBe(0));
    await clock.advance('1h');
    expect(standIn.requests).toHaveLength(1);
    const reader = new Reader(body);
    await reader.done;
    expect(reader.bytes.length).toBe(6_000_000);
    expect(standIn.requests.length).toBeGreaterThan(1);
  });
});

describe('A body of S3 that stalls', () => {
  it('goes on elsewhere after the stall timeout', async () => {
    standIn.faults = [{ does: 'stall', atByte: 100_000 }];
    const reader = await reading({ stallMs: 10_000 });
    await reader.has(100_000);
    await clock.advance(9_999);
    expect(standIn.requests).toHaveLength(1);
    await clock.advance(100);
    await reader.done;
    expect(reader.bytes.equals(object)).toBe(true);
    expect(ranges()).toEqual(['bytes=0-', 'bytes=100000-299999']);
  });

  it('hangs for ever without the stall timer', async () => {
    standIn.faults = [{ does: 'stall', atByte: 100_000 }];
    const reader = await reading({ stallMs: Infinity });
    await reader.has(100_000);
    await clock.advance('24h');
    expect(standIn.requests).toHaveLength(1);
    expect(reader.bytes.length).toBe(100_000);
    expect(reader.body.destroyed).toBe(false);
  });

  it('does not while its reader rests', async () => {
    standIn.replace(patterned(6_000_000));
    const { body } = await store({ stallMs: 10_000 }).open('k');
    const chunks = body[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    let read = ((await chunks.next()).value as Buffer).length;
    await eventually(() => expect(body.readableLength).toBeGreaterThanOrEqual(body.readableHighWaterMark));
    await clock.advance('1h');
    for (let next = await chunks.next(); !next.done; next = await chunks.next()) read += next.value.length;
    expect(read).toBe(6_000_000);
    expect(standIn.requests).toHaveLength(1);
  });

  it('is a failure when its tries stall as well', async () => {
    standIn.faults = Array.from({ length: 4 }, () => ({ does: 'stall', atByte: 1000 }) as const);
    const reader = await reading({ stallMs: 10_000 });
    for (let tries = 1; tries <= 4; tries++) {
      await eventually(() => expect(standIn.requests).toHaveLength(tries));
      await eventually(() => expect(clock.waiting).toBe(1));
      await clock.advance('11s');
    }
    await expect(reader.done).rejects.toThrow(/stood still at byte 1000 for 10000 ms, and 3 tries/);
    await eventually(() => expect(standIn.openSockets).toBe(0));
  });
});

describe('An object of S3 that changes while it is read', () => {
  const changing = async (tuning?: Partial<S3Tuning>): Promise<Reader> => {
    standIn.faults = [{ does: 'stall', atByte: 100_000 }];
    const reader = await reading(tuning, { verify: false });
    await reader.has(100_000);
    standIn.replace(other);
    await clock.advance('11s');
    return reader;
  };

  it('ends its reader with an error', async () => {
    const reader = await changing();
    await expect(reader.done).rejects.toThrow(ObjectChangedError);
    expect(reader.bytes.equals(object.subarray(0, 100_000))).toBe(true);
  });

  it('does so as well where the server ignores If-Match', async () => {
    standIn.obeysIfMatch = false;
    await expect((await changing()).done).rejects.toThrow(ObjectChangedError);
  });

  it('mixes two versions where the resume does not insist on the first', async () => {
    const reader = await changing({ bindsResumes: false });
    await reader.done;
    expect(reader.bytes.equals(Buffer.concat([object.subarray(0, 100_000), other.subarray(100_000)]))).toBe(true);
  });

  it('and is gone has changed', async () => {
    standIn.faults = [{ does: 'end', atByte: 1000 }];
    const { body } = await store().open('k', { range: { start: 0 } });
    standIn.refusals = [[404, 'NoSuchKey']];
    await expect(new Reader(body).done).rejects.toThrow(ObjectChangedError);
  });
});

describe('Bytes of S3 that are wrong', () => {
  const broken = Buffer.from(object);
  broken[200_000] = (broken[200_000] ?? 0) ^ 1;

  it('do not end well: the last of them are held back', async () => {
    standIn.replace(broken);
    standIn.headers = { etag };
    const reader = await reading();
    await expect(reader.done).rejects.toThrow(ObjectDamagedError);
    expect(reader.bytes.length).toBeLessThan(size);

    const unverified = await reading({}, { verify: false });
    await unverified.done;
    expect(unverified.bytes.equals(broken)).toBe(true);
  });

  it('are found after a resume as well', async () => {
    standIn.replace(broken);
    standIn.headers = { etag };
    standIn.obeysIfMatch = false;
    standIn.faults = [{ does: 'end', atByte: 100_000 }];
    await expect((await reading()).done).rejects.toThrow(ObjectDamagedError);
  });

  it.each([
    ['x-amz-checksum-sha256', createHash('sha256').update(object).digest('base64')],
    ['x-amz-checksum-crc32', base64OfNumber(crc32(object))],
  ])('are found by %s where the ETag says nothing', async (name, checksum) => {
    standIn.headers = { etag: '"abc-2"' };
    standIn.wholeHeaders = { [name]: checksum };
    standIn.obeysIfMatch = false;
    const readingWhole = async (): Promise<Reader> => {
      standIn.faults = [{ does: 'hang-up', atByte: 100_000 }];
      return new Reader((await store().open('k')).body);
    };
    const reader = await readingWhole();
    await reader.done;
    expect(reader.bytes.equals(object)).toBe(true);
    expect(standIn.requests).toHaveLength(2);

    standIn.replace(broken);
    await expect((await readingWhole()).done).rejects.toThrow(ObjectDamagedError);
  });

  it('are refused where their number is not said', async () => {
    standIn.faults = [{ does: 'end', atByte: 1000 }];
    await expect(store().open('k')).rejects.toThrow(/does not say how many bytes/);
    await eventually(() => expect(standIn.openSockets).toBe(0));
  });

  it('are refused where there are too many', async () => {
    standIn.faults = [{ does: 'more', atByte: 1000 }];
    await expect((await reading()).done).rejects.toThrow(ObjectDamagedError);
  });

  it('are refused where the server ignores the range', async () => {
    standIn.obeysRange = false;
    await expect(store().open('k', { range: { start: 5, end: 9 } })).rejects.toThrow(ObjectStoreUnavailableError);
    standIn.faults = [{ does: 'hang-up', atByte: 1000 }];
    const { body } = await store().open('k');
    await expect(new Reader(body).done).rejects.toThrow(/other bytes than were asked for/);
    await eventually(() => expect(standIn.openSockets).toBe(0));
  });
});

describe('A server of S3 that does not answer', () => {
  it('is unavailable after the stall timeout', async () => {
    standIn.refusals = ['silence', 'silence', 'silence'];
    for (const ask of [() => store().open('k'), () => store().head('k'), () => store().remove('k')]) {
      const asked = standIn.requests.length;
      const answer = ask();
      answer.catch(() => undefined);
      await eventually(() => expect(standIn.requests).toHaveLength(asked + 1));
      await clock.advance('11s');
      await expect(answer).rejects.toThrow(ObjectStoreUnavailableError);
    }
    await eventually(() => expect(standIn.openSockets).toBe(0));
  });

  it.each([
    [503, 'SlowDown'],
    [500, 'InternalError'],
    [404, 'NoSuchBucket'],
    [301, 'PermanentRedirect'],
  ])('with the object (%i %s) says nothing of it', async (status, code) => {
    standIn.refusals = [[status, code]];
    await expect(store().open('k')).rejects.toThrow(ObjectStoreUnavailableError);
  });

  it('with an object that is archived says so, and does not blame the credentials', async () => {
    standIn.refusals = [[403, 'InvalidObjectState']];
    const opening = store().open('k');
    await expect(opening).rejects.toThrow(ObjectArchivedError);
    await expect(opening).rejects.toThrow(/k is archived/);
  });

  it('for an absent bucket is not taken for one without the object', async () => {
    standIn.refusals = [
      [404, ''],
      [404, ''],
    ];
    await expect(store().head('k')).rejects.toThrow(/no such bucket/);
    const known = store();
    await known.head('k');
    standIn.refusals = [[404, '']];
    expect(await known.head('k')).toBeUndefined();
  });

  it('because nobody listens is unavailable', async () => {
    const gone = standIn;
    standIn = await S3StandIn.start(object);
    await gone.stop();
    await expect(store().open('k')).rejects.toThrow(ObjectStoreUnavailableError);
  });

  it('has no word of its secrets in the error', async () => {
    standIn.refusals = [[403, 'SignatureDoesNotMatch']];
    const error = await store()
      .open('k')
      .catch((refusal: unknown) => String(refusal));
    expect(error).toMatch(/^ObjectDeniedError: k: .*credentials/);
  });
});

describe('The connections of a store of S3', () => {
  it('go back to their pool when a body is read to its end', async () => {
    for (let times = 0; times < 5; times++) await (await reading()).done;
    expect(standIn.openSockets).toBe(1);
  });

  it.each([
    ['destroyed', async (body: Readable) => void body.destroy()],
    ['left by its loop', leaveLoop],
  ])('are closed when a body is %s, read or not', async (_, leave) => {
    standIn.replace(patterned(3_000_000));
    for (let times = 0; times < 5; times++) {
      const { body } = await store().open('k');
      if (times % 2 === 1) await once(body, 'readable');
      await leave(body);
    }
    await eventually(() => expect(standIn.openSockets).toBe(0));
  });

  it('are no longer held by bodies that nobody reads when a request waits for one', async () => {
    const large = patterned(6_000_000);
    standIn.replace(large);
    client.destroy();
    const httpAgent = new Agent({ keepAlive: true, maxSockets: 2 });
    client = standIn.client(1, { httpAgent });
    const opened = await Promise.all([store().open('k'), store().open('k')]);
    const head = store().head('k');
    await eventually(() => expect(Object.keys(httpAgent.requests)).toHaveLength(1));
    await clock.advance('1s');
    await eventually(() => expect(standIn.requests).toHaveLength(3));
    expect((await head)?.size).toBe(6_000_000);
    const readers = opened.map(({ body }) => new Reader(body));
    for (const { done, chunks } of readers) {
      await done;
      expect(Buffer.concat(chunks).equals(large)).toBe(true);
    }
    // Only the one that had rested longest was let go of.
    expect(ranges().filter(Boolean)).toHaveLength(1);
  });

  it('are left to bodies that are read, while a request waits for one', async () => {
    standIn.replace(patterned(6_000_000));
    client.destroy();
    client = standIn.client(1, { httpAgent: { maxSockets: 1 } });
    const { body } = await store().open('k');
    const rests = (): Promise<void> =>
      eventually(() => expect(body.readableLength).toBeGreaterThanOrEqual(body.readableHighWaterMark));
    const chunks = body[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    const head = store().head('k');
    for (let times = 0; times < 5; times++) {
      await clock.advance(900);
      await chunks.next();
      await rests();
    }
    expect(standIn.requests).toHaveLength(1);
    await clock.advance('2s');
    expect((await head)?.size).toBe(6_000_000);
    body.destroy();
  });

  it('are left to bodies that nobody reads, while an answer is late and others are free', async () => {
    const large = patterned(6_000_000);
    standIn.replace(large);
    const { body } = await store().open('k');
    standIn.refusals = ['silence'];
    const late = store().head('k');
    late.catch(() => undefined);
    await eventually(() => expect(standIn.requests).toHaveLength(2));
    await clock.advance('11s');
    await expect(late).rejects.toThrow(ObjectStoreUnavailableError);
    const reader = new Reader(body);
    await reader.done;
    expect(reader.bytes.equals(large)).toBe(true);
    expect(standIn.requests).toHaveLength(2);
  });

  it('are closed when the signal aborts, while a body stalls and between two tries', async () => {
    standIn.faults = [
      { does: 'stall', atByte: 1000 },
      { does: 'end', atByte: 1000 },
    ];
    const reason = new Error('left');
    for (const pausesMs of [[0], [60_000]]) {
      const leaving = new AbortController();
      const reader = await reading({ pausesMs }, { signal: leaving.signal });
      await reader.has(1000);
      leaving.abort(reason);
      await expect(reader.done).rejects.toBe(reason);
    }
    await clock.advance('1h');
    expect(standIn.requests).toHaveLength(2);
    await eventually(() => expect(standIn.openSockets).toBeLessThanOrEqual(1));
  });
});

describe('A signal of many requests to S3', () => {
  it('is listened to once, by requests, bodies and uploads, and not any more after them', async () => {
    const { signal } = new AbortController();
    const listeners = (): number => getEventListeners(signal, 'abort').length;
    const opening = Array.from({ length: 11 }, () => store().open('k', { signal }));
    await eventually(() => expect(standIn.requests.length).toBeGreaterThan(0));
    expect(listeners()).toBe(1);
    const opened = await Promise.all(opening);
    expect(listeners()).toBe(1);
    for (const { body } of opened) await new Reader(body).done;
    await eventually(() => expect(listeners()).toBe(0));
    const inParts = patterned(6_000_000, 'in parts');
    const twoParts = new S3ObjectStore({ client, bucket: 'b', partBytes: 5 * 2 ** 20 }, { stallMs: 60_000 });
    await twoParts.put('k', inParts, { signal });
    expect(listeners()).toBe(0);
  });
});

describe('Misspelt options of a call of S3', () => {
  it('are refused, and nothing is asked', async () => {
    const misspelt = { sginal: undefined } as object;
    const remedy = 'Did you mean signal?';
    await expect(store().head('k', misspelt)).rejects.toThrow(remedy);
    await expect(store().remove('k', misspelt)).rejects.toThrow(remedy);
    const listing = store().list('', { aftr: 'a' } as object);
    await expect(listing.next()).rejects.toThrow('Did you mean after?');
    const link = (options: object) => store().presign('k', options as PresignOptions);
    await expect(link({ method: 'PUT', expiresIn: '1m', sise: 5 })).rejects.toThrow('Did you mean size?');
    await expect(link({ method: 'GET', expiresIn: '1m', downloadname: 'a' })).rejects.toThrow(
      'Did you mean downloadName?',
    );
    expect(standIn.requests).toEqual([]);
  });

  it('make no link to write of one to read', async () => {
    const link = store().presign('k', { method: 'get', expiresIn: '1m' } as unknown as PresignOptions);
    await expect(link).rejects.toThrow("method: it is neither 'GET' nor 'PUT'");
  });
});

describe('The parts of an upload to S3', () => {
  it('are no larger than the protocol takes, and a buffer of this Node holds', () => {
    const most = Math.min(5 * 2 ** 30, constants.MAX_LENGTH);
    for (const partBytes of [5 * 2 ** 20, most]) new S3ObjectStore({ client, bucket: 'b', partBytes });
    for (const partBytes of [5 * 2 ** 20 - 1, most + 1, 6 * 2 ** 30]) {
      expect(() => new S3ObjectStore({ client, bucket: 'b', partBytes })).toThrow(
        `s3ObjectStore.partBytes: ${partBytes} is not the size of a part. Give '5mib' to '${most / 2 ** 30}gib'.`,
      );
    }
  });
});

describe('A put to S3', () => {
  const inParts = patterned(6_000_000, 'in parts');
  const partBytes = 5 * 2 ** 20;
  /** A store whose client repeats what is not answered. */
  const repeating = (): S3ObjectStore => {
    client.destroy();
    client = standIn.client(3);
    return new S3ObjectStore({ client, bucket: 'b', partBytes }, { stallMs: 60_000 });
  };
  const absent = { only: 'absent' } as const;

  it.each([
    ['at once', Buffer.from('aaaabbbbcccc')],
    ['in parts', inParts],
  ])('%s holds what its source has said, also where that uses its buffer again', async (_, bytes) => {
    const buffer = Buffer.alloc(bytes.length / 3);
    const refilling = async function* (): AsyncGenerator<Buffer> {
      for (const slice of slices(bytes, buffer.length)) yield buffer.subarray(0, slice.copy(buffer));
    };
    await repeating().put('k', refilling());
    const reader = new Reader((await store().open('k')).body);
    await reader.done;
    expect(reader.bytes.equals(bytes)).toBe(true);
  });

  it('in parts bears the ETag that the server has given it, whatever that is made of', async () => {
    standIn.compositeEtag = '"otherwise-2"';
    const { etag: given, size: written } = await repeating().put('k', inParts);
    expect([given, written]).toEqual(['"otherwise-2"', inParts.length]);
    expect((await repeating().open('k', { ifMatch: given })).size).toBe(inParts.length);
  });

  it('in parts of which the server has not kept all is damaged, whatever its ETag is made of', async () => {
    standIn.compositeEtag = '"otherwise-2"';
    standIn.keeps = (bytes) => bytes.subarray(1);
    await expect(repeating().put('k', inParts)).rejects.toThrow(ObjectDamagedError);
  });

  it.each([
    ['looks for the upload', false],
    ['compares the condition', true],
  ])(
    'in parts whose answer is lost is no other writer’s object where the server first %s',
    async (_, comparesConditionFirst) => {
      const writer = repeating();
      await writer.head('k');
      standIn.remove();
      Object.assign(standIn, { comparesConditionFirst, lostAnswers: 1 });
      const { etag: given } = await writer.put('k', inParts, absent);
      expect(given).toBe((await writer.head('k'))?.etag);
      expect(standIn.lostAnswers).toBe(0);
    },
  );

  it('in parts whose answer is lost may have arrived, where its ETag does not tell', async () => {
    standIn.compositeEtag = '"otherwise-2"';
    standIn.lostAnswers = 1;
    await expect(repeating().put('k', inParts)).rejects.toThrow(ObjectStoreUnavailableError);
    expect((await repeating().head('k'))?.size).toBe(inParts.length);
  });

  it.each([
    ['an MD5', {}],
    ['no MD5', { etag: `"${'a'.repeat(32)}"`, 'x-amz-server-side-encryption': 'aws:kms' }],
  ])('whose answer is lost is no other writer’s object where its ETag is %s', async (_, headers) => {
    const writer = repeating();
    await writer.head('k');
    standIn.remove();
    Object.assign(standIn, { headers, lostAnswers: 1 });
    const { etag: given } = await writer.put('k', 'mine', absent);
    expect(given).toBe((await writer.head('k'))?.etag);
    expect(standIn.lostAnswers).toBe(0);
  });

  it.each([
    ['at once', Buffer.from('mine')],
    ['in parts', inParts],
  ])('%s whose answer is lost says so where another writer’s object stands', async (_, body) => {
    const writer = repeating();
    await writer.head('k');
    standIn.remove();
    Object.assign(standIn, { comparesConditionFirst: true, lostAnswers: 1 });
    standIn.onLost = () => standIn.replace(Buffer.alloc(body.length, 'theirs'));
    await expect(writer.put('k', body, absent)).rejects.toThrow(ObjectExistsError);
    expect(standIn.lostAnswers).toBe(0);
  });
});

async function leaveLoop(body: Readable): Promise<void> {
  for await (const _ of body) break;
}

function base64OfNumber(number: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(number);
  return bytes.toString('base64');
}
