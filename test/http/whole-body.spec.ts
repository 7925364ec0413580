import { once } from 'node:events';
import { createServer } from 'node:http';
import type { ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PassThrough } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it } from '@jest/globals';
import { WholeBody } from '../../src/http/whole-body.js';

const bytes = Buffer.alloc(100_000, 'few');

/** What a client of a server that does this gets. */
async function answered(act: (response: ServerResponse) => void): Promise<Buffer> {
  const server = createServer((_, response) => act(response)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const answer = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const body = Buffer.from(await answer.arrayBuffer());
  server.close();
  return body;
}

describe('Bytes that are all at hand', () => {
  it('are one write that ends a response, and the stream ends as well', async () => {
    const body = new WholeBody(bytes);
    let writes = 0;
    const got = await answered((response) => {
      response.write = () => Boolean(++writes);
      body.pipe(response);
    });
    expect(got.equals(bytes)).toBe(true);
    expect(writes).toBe(0);
    if (!body.closed) await once(body, 'close');
    expect([body.readableEnded, body.errored]).toEqual([true, null]);
  });

  it('are left to a response that somebody else ends', async () => {
    const got = await answered((response) => {
      const body = new WholeBody(bytes);
      body.pipe(response, { end: false });
      body.once('end', () => response.end('.'));
    });
    expect(got.equals(Buffer.concat([bytes, Buffer.from('.')]))).toBe(true);
  });

  it('are a stream to everybody else', async () => {
    expect((await buffer(new WholeBody(bytes))).equals(bytes)).toBe(true);
    expect((await buffer(new WholeBody(bytes).pipe(new PassThrough()))).equals(bytes)).toBe(true);
  });

  it('of which some were read are piped on as the rest', async () => {
    const body = new WholeBody(bytes);
    await once(body, 'readable');
    expect((body.read(10) as Buffer).length).toBe(10);
    const got = await answered((response) => void body.pipe(response));
    expect(got.equals(bytes.subarray(10))).toBe(true);
  });
});
