// The client of S3 at this version, against a stand-in that keeps one object: it is written, read in two stretches, and linked.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { S3Client } from '@aws-sdk/client-s3';
import { s3ObjectStore } from 'nestjs-tiered-cache/s3';

class OneObject {
  private bytes = Buffer.alloc(0);
  private etag = '';
  readonly asked: string[] = [];

  readonly answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method, headers } = request;
    this.asked.push(`${method} ${headers.range ?? ''}`.trim());
    if (method === 'PUT') {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      this.bytes = Buffer.concat(chunks);
      this.etag = `"${createHash('md5').update(this.bytes).digest('hex')}"`;
      response.writeHead(200, { etag: this.etag, 'content-length': 0 }).end();
      return;
    }
    const start = Number(/^bytes=(\d+)-/.exec(headers.range ?? '')?.[1] ?? 0);
    const range = `bytes ${start}-${this.bytes.length - 1}/${this.bytes.length}`;
    const head = { etag: this.etag, 'content-length': this.bytes.length - start };
    response.writeHead(headers.range ? 206 : 200, headers.range ? { ...head, 'content-range': range } : head);
    if (method === 'HEAD') response.end();
    else if (start > 0) response.end(this.bytes.subarray(start));
    else response.write(this.bytes.subarray(0, 5), () => response.socket?.end());
  };
}

export async function s3(): Promise<void> {
  const object = new OneObject();
  const server = createServer((request, response) => void object.answer(request, response)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = new S3Client({
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: 'any', secretAccessKey: 'any' },
    requestChecksumCalculation: 'WHEN_REQUIRED',
  });
  try {
    const store = s3ObjectStore({ client, bucket: 'media' });
    const { size } = await store.put('greeting', 'hello, world', { contentType: 'text/plain' });
    assert.equal(size, 12);
    assert.equal((await store.head('greeting'))?.size, 12);
    const { body } = await store.open('greeting');
    let text = '';
    for await (const chunk of body) text += String(chunk);
    assert.equal(text, 'hello, world');
    assert.deepEqual(object.asked, ['PUT', 'HEAD', 'GET', 'GET bytes=5-11']);
    const { url } = await store.presign('greeting', { method: 'GET', expiresIn: '1m' });
    assert.match(url, /\/media\/greeting\?.*X-Amz-Signature=/);
  } finally {
    client.destroy();
    server.close();
  }
}
