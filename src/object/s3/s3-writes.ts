import { PutObjectCommand } from '@aws-sdk/client-s3';
import { chunked } from '../chunked.js';
import { IncomingBody } from '../incoming-body.js';
import { knownCallOptions } from '../known-call-options.js';
import { ObjectDamagedError, ObjectExistsError, ObjectSizeError } from '../object-errors.js';
import { assertContentType, assertMetadata } from '../object-metadata.js';
import type { ObjectBody, ObjectHead, PutObject, PutOptions } from '../object-store.js';
import { RunningChecksum } from '../running-checksum.js';
import { s3Error, statusOf, wasRepeated } from './s3-errors.js';
import { isOwn } from './s3-requests.js';
import type { S3Requests } from './s3-requests.js';
import { maxParts, md5Base64, S3Upload } from './s3-upload.js';
import type { UploadTarget, UploadTuning } from './s3-upload.js';

export interface WriteTuning extends Omit<UploadTuning, 'sendsMd5'> {
  readonly partBytes: number;
}

/** One `put`. */
export interface Write {
  readonly key: string;
  /** The key as the server knows it. @throws InvalidKeyError */
  readonly fullKey: () => string;
  readonly body: ObjectBody;
  readonly options: PutOptions;
  readonly headNow: () => Promise<ObjectHead | undefined>;
}

/** Writing objects to one bucket: in one request, or in parts where one is too large. */
export class S3Writes {
  constructor(
    private readonly requests: S3Requests,
    private readonly bucket: string,
    private readonly tuning: WriteTuning,
  ) {}

  async put(write: Write): Promise<PutObject> {
    const { key, body, options } = write;
    const incoming = new IncomingBody(key, body, options);
    try {
      const target = this.target(write);
      options.signal?.throwIfAborted();
      const partBytes = Math.max(this.tuning.partBytes, Math.ceil((options.size ?? 0) / maxParts));
      const parts = chunked(incoming.chunks(), partBytes);
      const first = await parts.next();
      const bytes = first.done ? Buffer.alloc(0) : first.value;
      const second = first.done ? first : await parts.next();
      const etag = second.done
        ? await this.putAtOnce(write, target, bytes)
        : await this.putInParts(write, target, [bytes, second.value], parts);
      return { key, size: incoming.size, etag, sha256: incoming.sha256() };
    } catch (error) {
      if (incoming.hasFailedWith(error) || isOwn(error, options.signal)) throw error;
      throw s3Error(this.requests.store, key, error);
    } finally {
      incoming.release();
    }
  }

  private target({ fullKey, options }: Write): UploadTarget {
    knownCallOptions.put.check(options);
    assertContentType(options.contentType);
    return {
      Bucket: this.bucket,
      Key: fullKey(),
      Metadata: { ...assertMetadata(options.metadata) },
      ...(options.contentType !== undefined && { ContentType: options.contentType }),
    };
  }

  private async putAtOnce({ key, options, headNow }: Write, target: UploadTarget, bytes: Buffer): Promise<string> {
    const command = new PutObjectCommand({
      ...target,
      Body: bytes,
      ContentLength: bytes.length,
      ...((await this.sendsMd5()) && { ContentMD5: md5Base64(bytes) }),
      ...(options.only === 'absent' && { IfNoneMatch: '*' }),
    });
    try {
      const limits = { signal: options.signal, answerMs: this.tuning.partMs };
      const { ETag } = await this.requests.send((client, sent) => client.send(command, sent), limits);
      return ETag ?? (await headNow())?.etag ?? '';
    } catch (error) {
      if (statusOf(error) !== 412) throw error;
      // The client repeats a request whose answer is lost. The second may find the object of the first.
      const now = wasRepeated(error) ? await headNow() : undefined;
      if (now && holds(now, bytes)) return now.etag;
      throw new ObjectExistsError(key, { cause: error });
    }
  }

  private async putInParts(
    { key, options, headNow }: Write,
    target: UploadTarget,
    first: readonly Buffer[],
    rest: AsyncIterable<Buffer>,
  ): Promise<string> {
    const onlyAbsent = options.only === 'absent';
    // Servers that ignore the condition on uploads in parts answer at least this, and a refusal costs no upload.
    if (onlyAbsent && (await headNow())) throw new ObjectExistsError(key);
    const tuning = { ...this.tuning, sendsMd5: await this.sendsMd5() };
    const upload = await S3Upload.begin(this.requests, target, tuning, options.signal);
    let bytes = 0;
    let count = 0;
    const add = (part: Buffer): Promise<void> => {
      bytes += part.length;
      if (++count > maxParts) {
        throw new ObjectSizeError(key, bytes, `the body has more than ${maxParts} parts of ${part.length} bytes`);
      }
      return upload.add(part);
    };
    try {
      for (const part of first) await add(part);
      for await (const part of rest) await add(part);
      const expected = await upload.complete(onlyAbsent, async () => (await headNow())?.etag);
      return await this.checked(key, bytes, expected, headNow);
    } catch (error) {
      await upload.abandon();
      throw statusOf(error) === 412 ? new ObjectExistsError(key, { cause: error }) : error;
    }
  }

  /** A server that says "done" has been seen to hold something else; some don't name the new ETag either. */
  private async checked(
    key: string,
    bytes: number,
    expected: string | undefined,
    headNow: Write['headNow'],
  ): Promise<string> {
    const head = await headNow();
    // Another ETag is another writer's object, which has replaced this one by now.
    const isOwn = head !== undefined && (expected === undefined || head.etag === expected);
    if (!isOwn) {
      if (expected !== undefined) return expected;
      throw new ObjectDamagedError(key, 'it is absent right after its upload');
    }
    if (head.size !== bytes) throw new ObjectDamagedError(key, `it has ${head.size} bytes after an upload of ${bytes}`);
    return head.etag;
  }

  /** The client adds a checksum to what it sends, unless it was told not to: then the MD5 lets the server compare. */
  private async sendsMd5(): Promise<boolean> {
    return (await this.requests.checksums()) === 'WHEN_REQUIRED';
  }
}

/** Whether an object has these bytes, by its checksum. Where the store knows none, it can't be told. */
function holds({ size, checksum }: ObjectHead, bytes: Buffer): boolean {
  if (size !== bytes.length || !checksum) return false;
  const running = new RunningChecksum(checksum);
  running.update(bytes);
  return running.matches();
}
