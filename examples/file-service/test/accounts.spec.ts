import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { folderObjectStore } from 'nestjs-tiered-cache';
import { parseManifest, verifyBackup } from 'nestjs-tiered-cache/redis';
import { startExample } from '../../enterprise-access/test/support/example-process.js';
import type { ExampleProcess } from '../../enterprise-access/test/support/example-process.js';
import { eventually } from '../../../test/support/eventually.js';
import { freePort } from '../../../test/support/free-port.js';
import { startRedis } from '../../../test/support/redis-process.js';
import type { RedisProcess } from '../../../test/support/redis-process.js';

const publicKey = 'A2zx+/Qx=';
const path = `/accounts/${encodeURIComponent(publicKey)}`;

describe('Accounts of the file service', () => {
  const data = mkdtempSync(join(tmpdir(), 'accounts-'));
  const env = {
    PORT: '0',
    NODE_ENV: 'production',
    FILES_DATA: join(data, 'files'),
    CACHE_DISK_PATH: join(data, 'cache'),
  };
  let redis: RedisProcess;
  let service: ExampleProcess;
  const at = (of: string, init?: RequestInit): Promise<Response> => fetch(`${service.address}${of}`, init);
  const post = (of: string, body: object): Promise<Response> =>
    at(of, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  const write = (id: string, content: Buffer): Promise<Response> =>
    at(`${path}/files/${id}`, { method: 'PUT', body: new Uint8Array(content) });

  /** A write whose content the test sends as it likes. */
  const begin = (of: string, headers: Record<string, string>): ClientRequest => {
    const begun = request(`${service.address}${of}`, { method: 'PUT', headers, agent: false });
    begun.flushHeaders();
    return begun;
  };
  const answered = async (begun: ClientRequest): Promise<number | undefined> => {
    const [{ statusCode }] = (await once(begun, 'response')) as [IncomingMessage];
    return statusCode;
  };

  beforeAll(async () => {
    redis = await startRedis({ args: ['--maxmemory', '100mb', '--maxmemory-policy', 'volatile-lru'] });
    service = await startExample('../../file-service/src/main.ts', { env: { ...env, FILES_REDIS_URL: redis.url } });
  });
  afterAll(async () => {
    await service?.stop();
    await redis?.stop();
    rmSync(data, { recursive: true, force: true });
  });

  it('have names, caps and files, which hold whoever writes at once', async () => {
    expect((await post('/accounts', { username: 'ada', publicKey })).status).toBe(201);
    expect((await post('/accounts', { username: 'ada', publicKey: 'other' })).status).toBe(409);
    expect(await redis.text('GET', 'username:ada:public_key')).toBe(JSON.stringify(publicKey));
    const content = randomBytes(300_000);
    const statuses = await Promise.all(['a', 'b', 'c', 'd', 'e'].map(async (id) => (await write(id, content)).status));
    expect(statuses.sort()).toEqual([200, 200, 200, 413, 413]);
    const account = (await (await at(path)).json()) as { files: string[] };
    expect(account).toMatchObject({ username: 'ada', dataCap: 1_000_000 });
    expect(account.files).toHaveLength(3);
    const [id = ''] = account.files;
    expect(Buffer.from(await (await at(`${path}/files/${id}`)).arrayBuffer()).equals(content)).toBe(true);
    expect((await at(`/accounts/other/files/${id}`)).status).toBe(404);

    const form = { method: 'PUT', body: 'text', headers: { 'content-type': 'application/x-www-form-urlencoded' } };
    expect((await at(`${path}/files/${id}`, form)).status).toBe(415);

    const info = { customer_id: 'cus_1', price_id: 'price_1', last_four: '4242', cap: 2_000_000 };
    expect((await post(`${path}/upgrade`, info)).status).toBe(200);
    expect(await redis.text('GET', 'stripe_customer_id:cus_1:public_key')).toBe(JSON.stringify(publicKey));
    expect((await write('f', content)).status).toBe(200);
    expect((await at(`${path}/files/f`, { method: 'DELETE' })).status).toBe(204);
    expect((await at(`${path}/files/f`)).status).toBe(404);
    expect(await redis.command('EXISTS', 'file_id:f:size', 'file_id:f:metadata')).toBe(0);
    expect(await (await at('/accounts/documents/status')).json()).toMatchObject({ uploads: { failed: 0 } });
  });

  it('refuse a file that exceeds the cap, or is of no account, before its content comes', async () => {
    expect((await post('/accounts', { username: 'eve', publicKey: 'eve' })).status).toBe(201);
    const refused = async (of: string, headers: Record<string, string>): Promise<number | undefined> => {
      const begun = begin(of, headers);
      try {
        return await answered(begun);
      } finally {
        begun.destroy();
      }
    };
    expect(await refused('/accounts/eve/files/held', { 'content-length': '1000001' })).toBe(413);
    expect(await refused('/accounts/nobody/files/held', { 'content-length': '10' })).toBe(404);
    expect(await refused('/accounts/eve/files/held', { 'transfer-encoding': 'chunked' })).toBe(411);
    expect(await redis.command('EXISTS', 'file_id:held:size', 'file_id:held:metadata')).toBe(0);
  });

  it('count what stands of a file that is written twice at once, and lose no write that was acknowledged', async () => {
    expect((await post('/accounts', { username: 'bob', publicKey: 'bob' })).status).toBe(201);
    const info = { customer_id: 'cus_2', price_id: 'price_1', last_four: '4242', cap: 3_000_000 };
    expect((await post('/accounts/bob/upgrade', info)).status).toBe(200);
    const large = randomBytes(2_500_000);
    const of = (id: string): string => `/accounts/bob/files/${id}`;
    const put = async (id: string, content: Buffer): Promise<number> =>
      (await at(of(id), { method: 'PUT', body: new Uint8Array(content) })).status;
    const documents = async (): Promise<number> => ((await redis.command('KEYS', 'documents:document:*')) as []).length;
    const documentsBefore = await documents();
    /** Writes most of the content, and resolves when it is in Redis. */
    const hold = async (id: string): Promise<ClientRequest> => {
      const begun = begin(of(id), { 'content-length': `${large.length}` });
      begun.write(large.subarray(0, 2_000_000));
      await eventually(async () => expect(await redis.command('ZCARD', 'documents:staged')).toBe(1));
      return begun;
    };
    const finish = async (begun: ClientRequest): Promise<number | undefined> => {
      begun.end(large.subarray(2_000_000));
      return answered(begun);
    };
    /** The bytes of a file, which are as many as its record says. */
    const bytes = async (id: string): Promise<Buffer> => {
      const response = await at(of(id));
      const content = Buffer.from(await response.arrayBuffer());
      expect([id, response.status]).toEqual([id, 200]);
      expect(await redis.text('GET', `file_id:${id}:size`)).toBe(`{"file_id":"${id}","size_bytes":${content.length}}`);
      return content;
    };
    const small = randomBytes(10);

    // The larger write began first and ends last.
    const first = await hold('x');
    expect(await put('x', small)).toBe(200);
    expect((await bytes('x')).equals(small)).toBe(true);
    expect(await finish(first)).toBe(200);
    expect((await bytes('x')).equals(large)).toBe(true);
    expect(await put('y', large)).toBe(413);

    // The cap is reached while the write is under way.
    expect((await at(of('x'), { method: 'DELETE' })).status).toBe(204);
    const late = await hold('x');
    expect(await put('y', large)).toBe(200);
    expect(await finish(late)).toBe(413);
    expect((await at(of('x'))).status).toBe(404);
    expect((await at(of('y'), { method: 'DELETE' })).status).toBe(204);

    // The write that began first fails.
    const failing = await hold('z');
    expect(await put('z', small)).toBe(200);
    failing.on('error', () => undefined).destroy();
    await eventually(async () => expect(await redis.command('ZCARD', 'documents:staged')).toBe(0));
    expect((await bytes('z')).equals(small)).toBe(true);

    // The file is deleted while it is written anew.
    const anew = await hold('z');
    expect((await at(of('z'), { method: 'DELETE' })).status).toBe(204);
    expect(await finish(anew)).toBe(200);
    expect((await bytes('z')).equals(large)).toBe(true);
    expect(await (await at('/accounts/bob')).json()).toMatchObject({ files: ['z'] });
    expect((await at(of('z'), { method: 'DELETE' })).status).toBe(204);
    expect(await redis.command('EXISTS', 'file_id:z:size', 'file_id:z:metadata')).toBe(0);
    await eventually(async () => expect(await documents()).toBe(documentsBefore));
  });

  it('are in the nightly backup, an object with a manifest beside it', async () => {
    const register = new URL('../../../test/support/sources/register.mjs', import.meta.url).href;
    const program = fileURLToPath(new URL('../src/backup.ts', import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, ['--import', register, program], {
      env: { ...process.env, NODE_OPTIONS: '', ...env, FILES_REDIS_URL: redis.url },
    });
    const { key, records } = JSON.parse(stdout) as { key: string; records: number };
    expect(key).toMatch(/^s3_files\/backup\/redis\/\d+\.bak$/);
    const objects = folderObjectStore({ directory: join(data, 'files', 'objects') });
    const chunks: Buffer[] = [];
    for await (const chunk of (await objects.open(`${key}.manifest.json`)).body) chunks.push(chunk as Buffer);
    const manifest = parseManifest(Buffer.concat(chunks).toString());
    const verified = await verifyBackup((await objects.open(key)).body as AsyncIterable<Buffer>, { manifest });
    expect(verified).toMatchObject({ records, endIsKnown: true });
    expect(records).toBeGreaterThan(10);
  });

  it('bring a redis-server of their own, and say what to install where there is none', async () => {
    const port = String(await freePort());
    const own = await startExample('../../file-service/src/with-redis.ts', {
      env: { ...env, FILES_DATA: join(data, 'own'), FILES_REDIS_PORT: port },
    });
    try {
      const response = await fetch(`${own.address}/accounts/documents/status`);
      expect(await response.json()).toMatchObject({ server: { evictionPolicy: 'volatile-lru', isAppendOnly: true } });
    } finally {
      await own.stop();
    }
    // The port is free again: the server has ended with the service.
    const next = await startRedis({ port: Number(port) });
    await next.stop();
    const without = startExample('../../file-service/src/with-redis.ts', { env: { ...env, PATH: data } });
    await expect(without).rejects.toThrow('apt-get install redis-server');
  });
});
