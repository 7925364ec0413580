import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { S3Client } from '@aws-sdk/client-s3';

/** What an answer does when it has sent so many bytes of its body. */
export interface Fault {
  /** `stall`: says nothing more. `reset`, `hang-up`: ends the connection. `end`: ends the body as if it were whole. `more`: sends what was not asked. */
  readonly does: 'stall' | 'reset' | 'hang-up' | 'end' | 'more';
  readonly atByte: number;
}

/**
 * Answers GET and HEAD of one object as S3 does, and faults as told. It is a stand-in and no server: what S3 really answers is tried by
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
  private readonly sockets = new Set<Socket>();
  private readonly server: Server;
  private etag = '';

  private constructor(private bytes: Buffer) {
    this.replace(bytes);
    this.server = createServer((request, response) => this.answer(request, response));
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

  client(): S3Client {
    return new S3Client({
      endpoint: `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`,
      region: 'us-east-1',
      forcePathStyle: true,
      maxAttempts: 1,
      credentials: { accessKeyId: 'any', secretAccessKey: 'any' },
    });
  }

  replace(bytes: Buffer): void {
    this.bytes = bytes;
    this.etag = `"${createHash('md5').update(bytes).digest('hex')}"`;
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
    if (this.obeysIfMatch && ifMatch !== undefined && ifMatch !== this.etag)
      return refuse(response, 412, 'PreconditionFailed');
    const [, first, last] = (this.obeysRange && /^bytes=(\d+)-(\d*)$/.exec(range ?? '')) || [];
    const start = Number(first ?? 0);
    const end = last ? Number(last) : this.bytes.length - 1;
    const head = { etag: this.etag, 'content-type': 'image/webp', ...this.headers };
    const contentRange =
      first === undefined ? this.wholeHeaders : { 'content-range': `bytes ${start}-${end}/${this.bytes.length}` };
    const body = this.bytes.subarray(start, end + 1);
    const fault = request.method === 'GET' ? this.faults.shift() : undefined;
    // Only a body without a length can end early, or late, and look whole.
    const hasLength = fault?.does !== 'end' && fault?.does !== 'more';
    const length = hasLength ? { 'content-length': body.length } : {};
    response.writeHead(first === undefined ? 200 : 206, { ...head, ...contentRange, ...length });
    if (request.method === 'HEAD' || !fault) return void response.end(body);
    const before = Math.max(0, fault.atByte - start);
    response.write(body.subarray(0, before), () => fail(response, fault, body.subarray(before)));
  }
}

function fail(response: ServerResponse, { does }: Fault, rest: Buffer): void {
  if (does === 'reset') response.socket?.resetAndDestroy();
  if (does === 'hang-up') response.socket?.end();
  if (does === 'end') response.end();
  if (does === 'more') response.end(Buffer.concat([rest, Buffer.from('more')]));
}

function refuse(response: ServerResponse, status: number, code: string): void {
  response.writeHead(status, { 'content-type': 'application/xml' });
  response.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>as told</Message></Error>`);
}
