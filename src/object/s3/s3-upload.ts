import { createHash } from 'node:crypto';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import type { CompletedPart } from '@aws-sdk/client-s3';
import { onAbort } from '../../value/on-abort.js';
import { InFlight } from './in-flight.js';
import { md5Of } from './s3-head.js';
import type { S3Requests, Send } from './s3-requests.js';
import { statusOf, wasRepeated } from './s3-errors.js';

/** Where an upload goes, and how. */
export interface UploadTarget {
  readonly Bucket: string;
  readonly Key: string;
  readonly ContentType?: string;
  readonly Metadata: Record<string, string>;
}

export interface UploadTuning {
  /** How many parts are sent at once. */
  readonly partsAtOnce: number;
  /** How long one request may take. */
  readonly partMs: number;
  /** Whether each part's MD5 is sent, for servers that are not sent another checksum. */
  readonly sendsMd5: boolean;
}

/** S3 takes no more parts. */
export const maxParts = 10_000;

/**
 * An object that is sent in parts. It appears when all are there, or not at all: on every other way out the parts are given up.
 */
export class S3Upload {
  private readonly parts: CompletedPart[] = [];
  private readonly ending = new AbortController();
  private readonly inFlight: InFlight;
  private readonly stopListening: (() => void) | undefined;

  private constructor(
    private readonly requests: S3Requests,
    private readonly target: UploadTarget,
    private readonly id: string,
    private readonly tuning: UploadTuning,
    signal: AbortSignal | undefined,
  ) {
    this.inFlight = new InFlight(tuning.partsAtOnce);
    const leave = (): void => this.ending.abort(signal?.reason);
    if (signal?.aborted) leave();
    else if (signal) this.stopListening = onAbort(signal, leave);
  }

  static async begin(
    requests: S3Requests,
    target: UploadTarget,
    tuning: UploadTuning,
    signal: AbortSignal | undefined,
  ): Promise<S3Upload> {
    const command = new CreateMultipartUploadCommand(target);
    const { UploadId } = await requests.send((client, options) => client.send(command, options), {
      signal,
      answerMs: tuning.partMs,
    });
    return new S3Upload(requests, target, UploadId ?? '', tuning, signal);
  }

  /** Resolves when there is room for another part; rejects when one before has failed. The bytes must not change until `complete`. */
  async add(bytes: Buffer): Promise<void> {
    const index = this.parts.push({}) - 1;
    await this.inFlight.add(() => this.send(bytes, index));
  }

  /**
   * Makes the object of the parts. Resolves to the ETag that the server gives it; where its answer names none, to what S3 computes, where that can be known.
   *
   * The SDK repeats a request whose answer is lost. The second finds no such upload, or that an object stands, because the first has completed it: then the
   * object tells.
   */
  async complete(onlyAbsent: boolean, etagNow: () => Promise<string | undefined>): Promise<string | undefined> {
    await this.inFlight.settled();
    const { Bucket, Key } = this.target;
    const computed = etagOf(this.parts);
    const command = new CompleteMultipartUploadCommand({
      Bucket,
      Key,
      UploadId: this.id,
      MultipartUpload: { Parts: this.parts },
      ...(onlyAbsent && { IfNoneMatch: '*' }),
    });
    try {
      const { ETag } = await this.request((client, options) => client.send(command, options));
      return ETag ? quoted(ETag) : computed;
    } catch (error) {
      const mayBeOwn = statusOf(error) === 404 || (statusOf(error) === 412 && wasRepeated(error));
      if (!mayBeOwn || computed === undefined || (await etagNow()) !== computed) throw error;
      return computed;
    } finally {
      this.stopListening?.();
    }
  }

  /** Ends what is under way and gives the parts up. Never rejects: what is left over costs space until a life-cycle rule removes it. */
  async abandon(): Promise<void> {
    this.stopListening?.();
    this.ending.abort();
    // A part that arrives after the upload was given up would stay.
    await this.inFlight.settled().catch(() => undefined);
    const { Bucket, Key } = this.target;
    const command = new AbortMultipartUploadCommand({ Bucket, Key, UploadId: this.id });
    const limits = { answerMs: this.tuning.partMs };
    await this.requests.send((client, options) => client.send(command, options), limits).catch(() => undefined);
  }

  private async send(bytes: Buffer, index: number): Promise<void> {
    const { Bucket, Key } = this.target;
    const command = new UploadPartCommand({
      Bucket,
      Key,
      UploadId: this.id,
      PartNumber: index + 1,
      Body: bytes,
      ...(this.tuning.sendsMd5 && { ContentMD5: md5Base64(bytes) }),
    });
    const sent = await this.request((client, options) => client.send(command, options));
    const { ETag, ChecksumCRC32, ChecksumCRC32C, ChecksumCRC64NVME, ChecksumSHA1, ChecksumSHA256 } = sent;
    const checksums = { ChecksumCRC32, ChecksumCRC32C, ChecksumCRC64NVME, ChecksumSHA1, ChecksumSHA256 };
    this.parts[index] = { PartNumber: index + 1, ETag, ...checksums };
  }

  private request<Output>(send: Send<Output>): Promise<Output> {
    return this.requests.send(send, { signal: this.ending.signal, answerMs: this.tuning.partMs });
  }
}

export function md5Base64(bytes: Uint8Array): string {
  return createHash('md5').update(bytes).digest('base64');
}

/** Some servers leave the quotes out here, and nowhere else. */
function quoted(etag: string): string {
  return etag.includes('"') ? etag : `"${etag}"`;
}

/** What S3 calls an object of these parts: the MD5 of their MD5s, and their number. */
function etagOf(parts: readonly CompletedPart[]): string | undefined {
  const hash = createHash('md5');
  for (const { ETag } of parts) {
    const md5 = md5Of(ETag);
    if (md5 === undefined) return undefined;
    hash.update(Buffer.from(md5, 'hex'));
  }
  return `"${hash.digest('hex')}-${parts.length}"`;
}
