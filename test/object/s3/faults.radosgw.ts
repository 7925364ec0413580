import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { ListMultipartUploadsCommand } from '@aws-sdk/client-s3';
import type { S3Client } from '@aws-sdk/client-s3';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import {
  ObjectChangedError,
  ObjectDeniedError,
  ObjectExistsError,
  ObjectStoreUnavailableError,
} from '../../../src/object/object-errors.js';
import type { ObjectStore } from '../../../src/object/object-store.js';
import { S3ObjectStore, s3ObjectStore } from '../../../src/object/s3/s3-object-store.js';
import type { S3Tuning } from '../../../src/object/s3/s3-tuning.js';
import { patterned, sha256Of } from '../../../src/testing/object-store-contract/bench.js';
import { eventually } from '../../support/eventually.js';
import { createBucket, radosgw, radosgwClient } from '../../support/radosgw.js';
import { startTcpProxy } from '../../support/tcp-proxy.js';
import type { TcpProxy } from '../../support/tcp-proxy.js';

const large = patterned(24 * 2 ** 20);
const newer = Buffer.from(large).reverse();
const partBytes = 5 * 2 ** 20;

let bucket: string;
let direct: ObjectStore;
let proxy: TcpProxy;
let client: S3Client;
let key: string;
beforeAll(async () => {
  bucket = await createBucket('faults');
  direct = s3ObjectStore({ client: radosgwClient(), bucket });
});
beforeEach(async () => {
  proxy = await startTcpProxy(radosgw.port);
  client = radosgwClient(proxy.port);
  key = `faults/${randomUUID()}`;
});
afterEach(async () => {
  process.kill(radosgw.pid, 'SIGCONT');
  client.destroy();
  await proxy.close();
});

/** Behind the proxy. A busy machine may take long to answer: only what is about silence loses patience soon. */
const store = (tuning: Partial<S3Tuning> = {}): S3ObjectStore =>
  new S3ObjectStore({ client, bucket, partBytes }, { stallMs: 60_000, pausesMs: [10, 50, 100], ...tuning });
/** Loses patience soon, and never gives up. */
const restless: Partial<S3Tuning> = { stallMs: 500, pausesMs: Array.from({ length: 100 }, () => 50) };

/** Reads to the end. `onBytes` is called with each count of bytes. */
async function readAll(body: Readable, onBytes: (count: number) => void = () => undefined): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let count = 0;
  for await (const chunk of body) {
    chunks.push(chunk as Buffer);
    onBytes((count += (chunk as Buffer).length));
  }
  return Buffer.concat(chunks);
}

/** Acts once, when so many bytes have come. */
const at = (bytes: number, act: () => void): ((count: number) => void) => {
  let done = false;
  return (count) => {
    if (done || count < bytes) return;
    done = true;
    act();
  };
};

describe('A body from radosgw', () => {
  beforeEach(async () => void (await direct.put(key, large)));

  it('that is cut again and again arrives whole', async () => {
    const { body } = await store().open(key);
    let cuts = 0;
    const bytes = await readAll(body, (count) => {
      if (count < (cuts + 1) * 4_000_000) return;
      cuts++;
      proxy.cut();
    });
    expect(cuts).toBeGreaterThanOrEqual(5);
    expect(sha256Of(bytes)).toBe(sha256Of(large));
  });

  it('that stalls arrives whole once the network is back', async () => {
    const { body } = await store(restless).open(key);
    const bytes = await readAll(
      body,
      at(5_000_000, () => {
        proxy.blackhole(true);
        // The first try meets the same silence.
        void eventually(() => expect(proxy.accepted).toBeGreaterThanOrEqual(2)).then(() => proxy.blackhole(false));
      }),
    );
    expect(sha256Of(bytes)).toBe(sha256Of(large));
  });

  it('that comes slowly is left alone', async () => {
    const { body } = await store({ stallMs: 1_500 }).open(key, { range: { start: 0, end: 999_999 } });
    const startedAt = performance.now();
    let chunks = 0;
    // Each chunk 200 ms after the one before.
    proxy.delayBetween(0, 200, () => ++chunks, 'replies');
    expect((await readAll(body)).equals(large.subarray(0, 1_000_000))).toBe(true);
    expect(proxy.accepted).toBe(1);
    expect(performance.now() - startedAt).toBeGreaterThan(1_500);
  });

  it('of a server that stands still and comes back arrives whole', async () => {
    let tries = 0;
    const random = (): number => {
      tries++;
      process.kill(radosgw.pid, 'SIGCONT');
      return 0;
    };
    // Past the proxy, which would have read ahead.
    const own = radosgwClient();
    const { body } = await new S3ObjectStore({ client: own, bucket }, { ...restless, random }).open(key);
    const stop = at(5_000_000, () => process.kill(radosgw.pid, 'SIGSTOP'));
    expect(sha256Of(await readAll(body, stop))).toBe(sha256Of(large));
    expect(tries).toBeGreaterThan(0);
    own.destroy();
  });

  it('of a server that does not come back fails, and leaves no connection', async () => {
    const { body } = await store().open(key);
    const reading = readAll(
      body,
      at(5_000_000, () => {
        void proxy.refuse(true);
        proxy.cut();
      }),
    );
    await expect(reading).rejects.toThrow(ObjectStoreUnavailableError);
    await eventually(() => expect(proxy.openConnections).toBe(0));
  });

  const cutAndReplaced = async (tuning?: Partial<S3Tuning>): Promise<Buffer> => {
    const { body } = await store({ pausesMs: [10, 50, 100, 200, 400, 800], ...tuning }).open(key);
    return readAll(
      body,
      at(5_000_000, () => {
        void proxy.refuse(true);
        proxy.cut();
        void direct.put(key, newer).then(() => proxy.refuse(false));
      }),
    );
  };

  it('of an object that is replaced meanwhile ends with an error', async () => {
    await expect(cutAndReplaced()).rejects.toThrow(ObjectChangedError);
  });

  it('of an object that is replaced meanwhile is mixed where the resume does not insist on its version', async () => {
    const bytes = await cutAndReplaced({ bindsResumes: false });
    expect(bytes.length).toBe(large.length);
    expect(bytes.subarray(0, 5_000_000).equals(large.subarray(0, 5_000_000))).toBe(true);
    expect(bytes.equals(large)).toBe(false);
  });

  it('that 100 readers leave in the middle leaves no connection', async () => {
    const readers = Array.from({ length: 100 }, async (_, index) => {
      const { body } = await store().open(key, { range: { start: 0, end: 4_000_000 } });
      for await (const _chunk of body) if (index % 2 === 0) break;
      body.destroy();
    });
    // Half of them read all: their connections go back to the pool, and end with the client.
    await Promise.all(readers);
    client.destroy();
    await eventually(() => expect(proxy.openConnections).toBe(0));
  });
});

describe('An upload to radosgw', () => {
  const uploads = async (): Promise<number> =>
    (await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }))).Uploads?.length ?? 0;

  it('whose answer is lost is not taken for another writer’s object', async () => {
    await store().head(key);
    proxy.truncateNextReply(0, 'cut');
    const put = await store().put(key, 'mine', { only: 'absent' });
    expect(proxy.armed).toBe(false);
    expect(put.etag).toBe((await direct.head(key))?.etag);
    await expect(direct.put(key, 'theirs', { only: 'absent' })).rejects.toThrow(ObjectExistsError);
  });

  it('in parts that is cut once arrives whole', async () => {
    const cutting = async function* (): AsyncGenerator<Buffer> {
      for (let start = 0; start < large.length; start += 2 ** 20) {
        if (start === 12 * 2 ** 20) proxy.cut();
        yield large.subarray(start, start + 2 ** 20);
      }
    };
    const { size, sha256 } = await store().put(key, cutting(), { size: large.length });
    expect([size, sha256]).toEqual([large.length, sha256Of(large)]);
    expect(sha256Of(await readAll((await direct.open(key)).body))).toBe(sha256);
  });

  it('in parts that fails, or is left, leaves no parts and no object', async () => {
    const breaking = async function* (): AsyncGenerator<Buffer> {
      yield large.subarray(0, 12 * 2 ** 20);
      throw new Error('the source broke');
    };
    await expect(store().put(key, breaking())).rejects.toThrow('the source broke');
    const leaving = new AbortController();
    const left = async function* (): AsyncGenerator<Buffer> {
      yield large.subarray(0, 12 * 2 ** 20);
      leaving.abort(new Error('left'));
      yield large.subarray(0, 12 * 2 ** 20);
    };
    await expect(store().put(key, left(), { signal: leaving.signal })).rejects.toThrow('left');
    expect(await uploads()).toBe(0);
    expect(await direct.head(key)).toBeUndefined();
  });

  it('is refused before it begins where an object stands, also in parts', async () => {
    await direct.put(key, 'there');
    const body = Readable.from([large]);
    await expect(store().put(key, body, { only: 'absent' })).rejects.toThrow(ObjectExistsError);
    expect(await uploads()).toBe(0);
    expect((await direct.head(key))?.size).toBe(5);
  });
});

describe('A store on radosgw', () => {
  it('with the wrong secret is denied, and says nothing of the secret', async () => {
    const credentials = { accessKeyId: 'nobody', secretAccessKey: 'not-the-secret' };
    const stranger = radosgwClient(undefined, { credentials });
    const error: unknown = await s3ObjectStore({ client: stranger, bucket })
      .open(key)
      .catch((refusal: unknown) => refusal);
    expect(error).toBeInstanceOf(ObjectDeniedError);
    expect((error as Error).message).not.toMatch(/nobody|not-the-secret/);
    stranger.destroy();
  });

  it('without its bucket is unavailable to every operation, and no object is absent', async () => {
    const none = s3ObjectStore({ client, bucket: 'no-such-bucket' });
    for (const operation of [
      () => none.open(key),
      () => none.head(key),
      () => none.put(key, 'x'),
      () => none.list('')[Symbol.asyncIterator]().next(),
    ]) {
      await expect(operation()).rejects.toThrow(ObjectStoreUnavailableError);
    }
  });
});
