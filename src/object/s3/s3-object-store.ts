import { constants } from 'node:buffer';
import { DeleteObjectCommand, HeadBucketCommand, HeadObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import type { S3Client } from '@aws-sdk/client-s3';
import { assertObjectKey, assertObjectPrefix, isObjectKey } from '../../key/object-key.js';
import { systemRandom } from '../../value/chance.js';
import { byteSize } from '../../value/byte-size.js';
import type { ByteSize } from '../../value/byte-size.js';
import { systemClock } from '../../value/clock.js';
import { positiveMilliseconds } from '../../value/duration.js';
import type { Duration } from '../../value/duration.js';
import { InvalidOptionError } from '../../value/errors.js';
import { checkPresignOptions, knownCallOptions } from '../known-call-options.js';
import { KnownOptions } from '../../value/known-options.js';
import { ObjectNotFoundError, ObjectRangeError } from '../object-errors.js';
import type {
  ListedObject,
  ListOptions,
  ObjectBody,
  ObjectHead,
  ObjectStore,
  OpenedObject,
  OpenOptions,
  PresignedRequest,
  PresignOptions,
  PutObject,
  PutOptions,
} from '../object-store.js';
import { s3Error, statusOf } from './s3-errors.js';
import { headOf } from './s3-head.js';
import { presignS3 } from './s3-links.js';
import { S3Reads } from './s3-reads.js';
import { isOwn, S3Requests } from './s3-requests.js';
import type { S3Tuning } from './s3-tuning.js';
import { S3Writes } from './s3-writes.js';

export interface S3ObjectStoreOptions {
  /**
   * A client of `@aws-sdk/client-s3`, configured as you like: region, endpoint, credentials, retries. It stays yours: the store never destroys it.
   * Ceph, R2 and other servers that don't know AWS's newer checksums need `requestChecksumCalculation: 'WHEN_REQUIRED'` in it.
   */
  readonly client: S3Client;
  readonly bucket: string;
  /** Stands in front of all keys, and ends with `/`. Default: none. */
  readonly prefix?: string;
  /**
   * How long the server may be silent while an answer or bytes are waited for, before the request is given up or, for a body, resumed. Default 10 s.
   */
  readonly stallTimeout?: Duration;
  /**
   * How long one request of an upload may take; it carries at most `partBytes`. Default 60 s: 8 MiB at 1.2 Mbit/s.
   */
  readonly partTimeout?: Duration;
  /**
   * Bodies above this size are sent in parts of this size, three at once, so that a `put` uses up to four times this memory. Whole bytes, 5 MiB to
   * 5 GiB, on Node 20 to 4 GiB. Default 8 MiB, or more where `size` says that the object would have more than 10,000 parts; a body of unknown size ends at 10,000 parts.
   */
  readonly partBytes?: ByteSize;
}

/**
 * Objects of one bucket of S3, or of a server that speaks its language. Needs the package `@aws-sdk/client-s3`, and for links
 * `@aws-sdk/s3-request-presigner`.
 *
 * What the client leaves open is done here: a body that stalls, is cut or ends early goes on by Range and If-Match on another connection (three
 * tries in a row, after about 0.2, 1 and 3 s); its size and, where the store knows one, its checksum are compared before its last bytes are handed out;
 * a body that is left early lets go of its connection at once, and one that nobody reads does for a request that waits for one; an upload that fails leaves
 * no parts.
 *
 * Servers differ: some ignore `only: 'absent'` for uploads in parts, where it is then asked before the upload and not decided among racing writers.
 *
 * @throws InvalidOptionError, InvalidDurationError, InvalidKeyError
 * @example
 * const client = new S3Client({ region: 'eu-central-1' });
 * const store = s3ObjectStore({ client, bucket: 'media', prefix: 's3_files/' });
 */
export function s3ObjectStore(options: S3ObjectStoreOptions): ObjectStore {
  knownOptions.check(options);
  return new S3ObjectStore(options);
}

/** What the protocol takes, and a buffer holds. */
const largestPart = Math.min(5 * 2 ** 30, constants.MAX_LENGTH);

const knownOptions = KnownOptions.of<S3ObjectStoreOptions>('s3ObjectStore()', {
  client: true,
  bucket: true,
  prefix: true,
  stallTimeout: true,
  partTimeout: true,
  partBytes: true,
});

export class S3ObjectStore implements ObjectStore {
  readonly name: string;
  readonly presigns = true;
  private readonly client: S3Client;
  private readonly bucket: string;
  private readonly prefix: string;
  private readonly prefixBytes: number;
  private readonly tuning: S3Tuning;
  private readonly requests: S3Requests;
  private readonly reads: S3Reads;
  private readonly writes: S3Writes;
  /** The bucket has answered for an object: a 404 without a body is the object's. */
  private hasSeenBucket = false;

  constructor(options: S3ObjectStoreOptions, tuning: Partial<S3Tuning> = {}) {
    const { client, bucket, prefix = '', stallTimeout = '10s', partTimeout = '60s', partBytes = '8mib' } = options;
    if (typeof bucket !== 'string' || bucket === '') {
      throw new InvalidOptionError('s3ObjectStore.bucket', 'it is not a name', 'Give the name of the bucket.');
    }
    assertObjectPrefix(prefix);
    if (prefix !== '' && !prefix.endsWith('/')) {
      throw new InvalidOptionError('s3ObjectStore.prefix', `'${prefix}' does not end with '/'`, `Write '${prefix}/'.`);
    }
    const bytesOfPart = byteSize(partBytes, 's3ObjectStore.partBytes');
    if (bytesOfPart < 5 * 2 ** 20 || bytesOfPart > largestPart) {
      const problem = `${String(partBytes)} is not the size of a part`;
      throw new InvalidOptionError('s3ObjectStore.partBytes', problem, `Give '5mib' to '${largestPart / 2 ** 30}gib'.`);
    }
    this.name = `s3 ${bucket}/${prefix}`.replace(/\/$/, '');
    this.client = client;
    this.bucket = bucket;
    this.prefix = prefix;
    this.prefixBytes = Buffer.byteLength(prefix);
    this.tuning = {
      stallMs: positiveMilliseconds(stallTimeout, 'stallTimeout'),
      pausesMs: [200, 1000, 3000],
      checksSize: true,
      bindsResumes: true,
      partsAtOnce: 3,
      pageKeys: 1000,
      clock: systemClock,
      random: systemRandom,
      ...tuning,
    };
    this.requests = new S3Requests(this.name, client, this.tuning.clock, this.tuning.stallMs);
    this.reads = new S3Reads(this.requests, bucket, this.tuning);
    this.writes = new S3Writes(this.requests, bucket, {
      partBytes: bytesOfPart,
      partsAtOnce: this.tuning.partsAtOnce,
      partMs: positiveMilliseconds(partTimeout, 'partTimeout'),
    });
  }

  async open(key: string, options: OpenOptions = {}): Promise<OpenedObject> {
    knownCallOptions.open.check(options);
    assertObjectKey(key, this.prefixBytes);
    try {
      const opened = await this.#told(key, options.signal, () => this.reads.open(key, this.prefix + key, options));
      this.hasSeenBucket = true;
      return opened;
    } catch (error) {
      // Some servers refuse a range without saying the size.
      if (!(error instanceof ObjectRangeError) || error.size !== undefined) throw error;
      const head = await this.head(key, { signal: options.signal });
      throw head ? new ObjectRangeError(key, error.start, head.size, { cause: error }) : new ObjectNotFoundError(key);
    }
  }

  async head(
    key: string,
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<ObjectHead | undefined> {
    knownCallOptions.head.check(options);
    const { signal } = options;
    assertObjectKey(key, this.prefixBytes);
    return this.#told(key, signal, () => this.#head(key, signal));
  }

  async put(key: string, body: ObjectBody, options: PutOptions = {}): Promise<PutObject> {
    const fullKey = (): string => {
      assertObjectKey(key, this.prefixBytes);
      return this.prefix + key;
    };
    return this.writes.put({ key, fullKey, body, options, headNow: () => this.#head(key, options.signal) });
  }

  async remove(key: string, options: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    knownCallOptions.remove.check(options);
    const { signal } = options;
    assertObjectKey(key, this.prefixBytes);
    const command = new DeleteObjectCommand({ Bucket: this.bucket, Key: this.prefix + key });
    await this.#told(key, signal, () => this.requests.send((client, sent) => client.send(command, sent), { signal }));
  }

  /** Objects whose names are no keys are left out, such as the `folder/` that consoles make. */
  async *list(prefix: string, options: ListOptions = {}): AsyncGenerator<ListedObject, void, undefined> {
    knownCallOptions.list.check(options);
    const { after, signal } = options;
    assertObjectPrefix(prefix, this.prefixBytes);
    if (after !== undefined) assertObjectKey(after, this.prefixBytes);
    const asked = {
      Bucket: this.bucket,
      Prefix: this.prefix + prefix,
      MaxKeys: this.tuning.pageKeys,
      ...(after !== undefined && { StartAfter: this.prefix + after }),
    };
    let next: string | undefined;
    do {
      const command = new ListObjectsV2Command({ ...asked, ...(next !== undefined && { ContinuationToken: next }) });
      const page = await this.#told(prefix, signal, () =>
        this.requests.send((client, sent) => client.send(command, sent), { signal }),
      );
      for (const { Key = '', Size = 0, ETag = '', LastModified } of page.Contents ?? []) {
        signal?.throwIfAborted();
        const key = Key.slice(this.prefix.length);
        if (!isObjectKey(key)) continue;
        yield { key, size: Size, etag: ETag, ...(LastModified && { lastModified: LastModified }) };
      }
      next = page.IsTruncated ? page.NextContinuationToken : undefined;
    } while (next !== undefined);
  }

  async presign(key: string, options: PresignOptions): Promise<PresignedRequest> {
    checkPresignOptions(options);
    assertObjectKey(key, this.prefixBytes);
    options.signal?.throwIfAborted();
    return presignS3(this.client, { store: this.name, Bucket: this.bucket, Key: this.prefix + key }, options);
  }

  async #head(key: string, signal: AbortSignal | undefined): Promise<ObjectHead | undefined> {
    const command = new HeadObjectCommand({ Bucket: this.bucket, Key: this.prefix + key, ChecksumMode: 'ENABLED' });
    try {
      const output = await this.requests.send((client, sent) => client.send(command, sent), { signal });
      this.hasSeenBucket = true;
      return headOf(output, output.ContentLength ?? 0, true);
    } catch (error) {
      if (statusOf(error) !== 404) throw error;
      await this.#seeBucket(signal);
      return undefined;
    }
  }

  /** An answer to HEAD has no body, so it does not tell an absent object from an absent bucket. Asked until one is known to be there. */
  async #seeBucket(signal: AbortSignal | undefined): Promise<void> {
    if (this.hasSeenBucket) return;
    const command = new HeadBucketCommand({ Bucket: this.bucket });
    try {
      await this.requests.send((client, sent) => client.send(command, sent), { signal });
    } catch (error) {
      if (statusOf(error) === 404)
        throw Object.assign(new Error('no bucket', { cause: error }), { name: 'NoSuchBucket' });
      // Whoever may read objects need not be allowed to ask for the bucket.
      if (statusOf(error) !== 403) throw error;
    }
    this.hasSeenBucket = true;
  }

  /** What the SDK says, in the contract's words. */
  async #told<T>(key: string, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (isOwn(error, signal)) throw error;
      throw s3Error(this.name, key, error);
    }
  }
}
