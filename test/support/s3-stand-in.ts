import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { S3Client } from '@aws-sdk/client-s3';
import type { S3ClientConfig } from '@aws-sdk/client-s3';

/** What an answer does when it has sent so many bytes of its body. */
export interface Fault {
  /** `stall`: says nothing more. `reset`, `hang-up`: ends the connection. `end`: ends the body as if it were whole. `more`: sends what was not asked. */
  readonly does: 'stall' | 'reset' | 'hang-up' | 'end' | 'more';
  readonly atByte: number;
}

/**
 * Answers for one object as S3 does, and faults as told. It is a stand-in and no server: what S3 really answers is tried by
 * `npm run test:objects`. It takes any signature.
 */
export class S3StandIn {
  readonly requests: {
    readonly method: string;
    readonly range?: string | undefined;
    readonly ifMatch?: string | undefined;
  }[] = [];
  /** Faults of the answers to come, the next first; then none. */
  faults: Fault[] = [];
  /** Answers to come that are not the object's: a status and a code; `silence` is none at all. */
  refusals: (readonly [status: number, code: string] | 'silence')[] = [];
  obeysIfMatch = true;
  obeysRange = true;
  /** Headers of every answer besides its own. */
  headers: Record<string, string> = {};
  /** Headers of answers that are the whole object, besides. */
  wholeHeaders: Record<string, string> = {};
  /** So many answers to the requests that make the object are lost: it is made, and the connection ends. */
  lostAnswers = 0;
  /** What happens before it is asked again. */
  onLost = (): void => {};
  /** The ETag of what is uploaded in parts. Default: the MD5 of their MD5s, and their number. */
  compositeEtag: string | undefined;
  /** As MinIO: an upload that has completed is asked first whether an object stands, and only then whether it is known. */
  comparesConditionFirst = false;
  /** What it keeps of the bytes that are uploaded in parts. Default: all. */
  keeps = (bytes: Buffer): Buffer => bytes;
  /** Those that came with the object. */
  private checksums: Record<string, string> = {};
  private readonly uploads = new Map<string, Buffer[]>();
  private readonly sockets = new Set<Socket>();
  private readonly server: Server;
  private etag = '';

  /** Undefined: there is no object. */
  private bytes: Buffer | undefined;

  private constructor(bytes: Buffer) {
    this.replace(bytes);
    this.server = createServer((request, response) => {
      const isWrite = request.method === 'PUT' || /[?&]upload/.test(request.url ?? '');
      void (isWrite ? this.answerWrite(request, response) : this.answer(request, response));
    });
    this.server.on('connection', (socket) => {
      this.sockets.add(socket);
      socket.on('error', () => undefined).on('close', () => this.sockets.delete(socket));
    });
  }

  static async start(bytes: Buffer): Promise<S3StandIn> {
    const standIn = new S3StandIn(bytes);
    await new Promise<void>((resolve) => standIn.server.listen(0, '127.0.0.1', resolve));
    return standIn;
  }

  get openSockets(): number {
    return this.sockets.size;
  }

  /** @param maxAttempts how often the client sends what is not answered. */
  client(maxAttempts = 1, requestHandler: S3ClientConfig['requestHandler'] = {}): S3Client {
    return new S3Client({
      endpoint: `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`,
      region: 'us-east-1',
      forcePathStyle: true,
      maxAttempts,
      requestHandler,
      credentials: { accessKeyId: 'any', secretAccessKey: 'any' },
    });
  }

  replace(bytes: Buffer): void {
    this.bytes = bytes;
    this.checksums = {};
    this.etag = `"${md5Of(bytes).toString('hex')}"`;
  }

  remove(): void {
    this.bytes = undefined;
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private answer(request: IncomingMessage, response: ServerResponse): void {
    const { range, 'if-match': ifMatch } = request.headers;
    this.requests.push({ method: request.method ?? '', range, ifMatch });
    response.on('error', () => undefined);
    const refusal = this.refusals.shift();
    if (refusal === 'silence') return;
    if (refusal) return refuse(response, ...refusal);
    const { bytes } = this;
    if (!bytes) return refuse(response, 404, 'NoSuchKey');
    if (this.obeysIfMatch && ifMatch !== undefined && ifMatch !== this.etag)
      return refuse(response, 412, 'PreconditionFailed');
    const [, first, last] = (this.obeysRange && /^bytes=(\d+)-(\d*)$/.exec(range ?? '')) || [];
    const start = Number(first ?? 0);
    const end = last ? Number(last) : bytes.length - 1;
    const head = { etag: this.etag, 'content-type': 'image/webp', ...this.headers };
    const contentRange =
      first === undefined
        ? { ...this.checksums, ...this.wholeHeaders }
        : { 'content-range': `bytes ${start}-${end}/${bytes.length}` };
    const body = bytes.subarray(start, end + 1);
    const fault = request.method === 'GET' ? this.faults.shift() : undefined;
    // Only a body without a length can end early, or late, and look whole.
    const hasLength = fault?.does !== 'end' && fault?.does !== 'more';
    const length = hasLength ? { 'content-length': body.length } : {};
    response.writeHead(first === undefined ? 200 : 206, { ...head, ...contentRange, ...length });
    if (request.method === 'HEAD' || !fault) return void response.end(body);
    const before = Math.max(0, fault.atByte - start);
    response.write(body.subarray(0, before), () => fail(response, fault, body.subarray(before)));
  }

  private async answerWrite(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', headers, url = '' } = request;
    this.requests.push({ method });
    const body = Buffer.concat(await request.toArray());
    const query = new URL(url, 'http://any').searchParams;
    const [id, part] = [query.get('uploadId'), query.get('partNumber')];
    const isTaken = headers['if-none-match'] === '*' && this.bytes !== undefined;
    if (query.has('uploads')) {
      const begun = `upload-${this.requests.length}`;
      this.uploads.set(begun, []);
      return xml(
        response,
        `<InitiateMultipartUploadResult><UploadId>${begun}</UploadId></InitiateMultipartUploadResult>`,
      );
    }
    if (id === null) {
      if (isTaken) return refuse(response, 412, 'PreconditionFailed');
      this.replace(body);
      const crc32 = headers['x-amz-checksum-crc32'];
      if (typeof crc32 === 'string') this.checksums = { 'x-amz-checksum-crc32': crc32 };
      if (this.loses(response)) return;
      return void response.writeHead(200, { etag: this.etag, ...this.headers }).end();
    }
    if (isTaken && this.comparesConditionFirst) return refuse(response, 412, 'PreconditionFailed');
    const parts = this.uploads.get(id);
    if (!parts) return refuse(response, 404, 'NoSuchUpload');
    if (method === 'DELETE') {
      this.uploads.delete(id);
      return void response.writeHead(204).end();
    }
    if (part !== null) {
      parts[Number(part) - 1] = body;
      return void response.writeHead(200, { etag: `"${md5Of(body).toString('hex')}"` }).end();
    }
    if (isTaken) return refuse(response, 412, 'PreconditionFailed');
    this.uploads.delete(id);
    this.replace(this.keeps(Buffer.concat(parts)));
    this.etag = this.compositeEtag ?? `"${md5Of(Buffer.concat(parts.map(md5Of))).toString('hex')}-${parts.length}"`;
    if (this.loses(response)) return;
    const etag = this.etag.replaceAll('"', '&quot;');
    xml(response, `<CompleteMultipartUploadResult><ETag>${etag}</ETag></CompleteMultipartUploadResult>`);
  }

  private loses(response: ServerResponse): boolean {
    if (this.lostAnswers === 0) return false;
    this.lostAnswers--;
    this.onLost();
    response.socket?.destroy();
    return true;
  }
}

function md5Of(bytes: Uint8Array): Buffer {
  return createHash('md5').update(bytes).digest();
}

function fail(response: ServerResponse, { does }: Fault, rest: Buffer): void {
  if (does === 'reset') response.socket?.resetAndDestroy();
  if (does === 'hang-up') response.socket?.end();
  if (does === 'end') response.end();
  if (does === 'more') response.end(Buffer.concat([rest, Buffer.from('more')]));
}

function xml(response: ServerResponse, text: string): void {
  response.writeHead(200, { 'content-type': 'application/xml' }).end(`<?xml version="1.0"?>${text}`);
}

function refuse(response: ServerResponse, status: number, code: string): void {
  response.writeHead(status, { 'content-type': 'application/xml' });
  response.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>as told</Message></Error>`);
}
