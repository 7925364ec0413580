import { GetObjectCommand } from '@aws-sdk/client-s3';
import type { GetObjectCommandOutput } from '@aws-sdk/client-s3';
import { Readable } from 'node:stream';
import { assertByteRange, resolveByteRange } from '../byte-range.js';
import { ObjectChangedError, ObjectStoreUnavailableError } from '../object-errors.js';
import type { ByteRange, OpenedObject, OpenOptions } from '../object-store.js';
import { letGoOf, ResumedBody } from '../resumed-body.js';
import type { Stretch } from '../resumed-body.js';
import { s3Error, statusOf } from './s3-errors.js';
import { headOf } from './s3-head.js';
import type { S3Requests } from './s3-requests.js';
import type { S3Tuning } from './s3-tuning.js';

interface Asked {
  readonly range?: ByteRange | undefined;
  readonly ifMatch?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What an answer says that it carries, and the size of the whole object. */
interface CarriedBytes {
  readonly range: Required<ByteRange>;
  readonly size: number;
}

interface OpenedStretch extends Stretch, CarriedBytes {
  readonly output: GetObjectCommandOutput;
}

/** Reading objects of one bucket: the first request, and those that go on where it ended. */
export class S3Reads {
  constructor(
    private readonly requests: S3Requests,
    private readonly bucket: string,
    private readonly tuning: S3Tuning,
  ) {}

  async open(key: string, fullKey: string, options: OpenOptions): Promise<OpenedObject> {
    const { range: wanted, ifMatch, verify = true, signal } = options;
    assertByteRange(wanted);
    const first = await this.get(key, fullKey, { range: wanted, ifMatch, signal });
    try {
      const range = resolveByteRange(key, wanted, first.size);
      if (!isSame(range, first.range)) throw this.ignoresRanges();
      const isWhole = range.start === 0 && range.end === first.size - 1;
      const head = headOf(first.output, first.size, isWhole);
      const body =
        first.size === 0
          ? emptyBody(first)
          : new ResumedBody({
              store: this.requests.store,
              key,
              range,
              first,
              resume: (start, ending) => this.resume(key, fullKey, { start, end: range.end }, head.etag, ending),
              checksum: verify && isWhole ? head.checksum : undefined,
              signal,
              resting: this.requests.resting,
              clock: this.tuning.clock,
              random: this.tuning.random,
              tuning: this.tuning,
            });
      return { ...head, range, body };
    } catch (error) {
      letGoOf(first);
      throw error;
    }
  }

  /** The rest of a body, of the same version. An object that is gone has changed as well. */
  private async resume(
    key: string,
    fullKey: string,
    range: Required<ByteRange>,
    etag: string,
    signal: AbortSignal,
  ): Promise<Stretch> {
    const { bindsResumes } = this.tuning;
    try {
      const stretch = await this.get(key, fullKey, { range, signal, ...(bindsResumes && { ifMatch: etag }) });
      const isOther = bindsResumes && stretch.output.ETag !== etag;
      if (!isOther && isSame(range, stretch.range)) return stretch;
      letGoOf(stretch);
      throw isOther ? new ObjectChangedError(key) : this.ignoresRanges();
    } catch (error) {
      if (signal.aborted) throw error;
      const isGone = statusOf(error) === 404 || statusOf(error) === 416;
      throw isGone ? new ObjectChangedError(key, { cause: error }) : s3Error(this.requests.store, key, error);
    }
  }

  private async get(key: string, fullKey: string, { range, ifMatch, signal }: Asked): Promise<OpenedStretch> {
    const command = new GetObjectCommand({
      Bucket: this.bucket,
      Key: fullKey,
      ChecksumMode: 'ENABLED',
      ...(range && { Range: `bytes=${range.start}-${range.end ?? ''}` }),
      ...(ifMatch !== undefined && { IfMatch: ifMatch }),
    });
    try {
      const answer = await this.requests.open((client, sent) => client.send(command, sent), { signal });
      const stretch = { ...answer, body: answer.output.Body as Readable };
      const carried = bytesOf(answer.output);
      if (carried) return { ...stretch, ...carried };
      letGoOf(stretch);
      throw new ObjectStoreUnavailableError(this.requests.store, 'the answer does not say how many bytes it has');
    } catch (error) {
      if (statusOf(error) === 412) throw new ObjectChangedError(key, { cause: error });
      if (statusOf(error) === 416) throw s3Error(this.requests.store, key, error, range?.start);
      throw error;
    }
  }

  private ignoresRanges(): ObjectStoreUnavailableError {
    return new ObjectStoreUnavailableError(this.requests.store, 'the answer holds other bytes than were asked for');
  }
}

/** What an answer carries: by its Content-Range, or all. `undefined`: it does not say, and could end anywhere. */
function bytesOf({ ContentRange, ContentLength }: GetObjectCommandOutput): CarriedBytes | undefined {
  const [, start, end, size] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(ContentRange ?? '') ?? [];
  if (size !== undefined) return { range: { start: Number(start), end: Number(end) }, size: Number(size) };
  return ContentLength === undefined ? undefined : { range: { start: 0, end: ContentLength - 1 }, size: ContentLength };
}

function isSame(one: Required<ByteRange>, other: Required<ByteRange>): boolean {
  return one.start === other.start && one.end === other.end;
}

/** There is nothing to read, so the connection can go back at once. */
function emptyBody({ body }: Stretch): Readable {
  body.on('error', () => undefined).resume();
  return Readable.from([], { objectMode: false });
}
