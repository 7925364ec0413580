import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startExample } from '../../enterprise-access/test/support/example-process.js';
import type { ExampleProcess } from '../../enterprise-access/test/support/example-process.js';
import { eventually } from '../../../test/support/eventually.js';
import { catalogue } from '../src/catalogue/catalogue.js';

const image = randomBytes(700_001);
const sha256 = createHash('sha256').update(image).digest('hex');

interface Uploaded {
  readonly image_file_export_uid: string;
  readonly s3_file_uid: string;
}

describe('The file service', () => {
  const data = mkdtempSync(join(tmpdir(), 'file-service-'));
  const start = (): Promise<ExampleProcess> =>
    startExample('../../file-service/src/main.ts', {
      env: { PORT: '0', NODE_ENV: 'production', FILES_DATA: join(data, 'files'), CACHE_DISK_PATH: join(data, 'cache') },
    });
  let services: [ExampleProcess, ExampleProcess];
  beforeAll(async () => {
    services = await Promise.all([start(), start()]);
  });
  afterAll(async () => {
    await Promise.all(services.map((service) => service.stop()));
    rmSync(data, { recursive: true, force: true });
  });

  const at = (service: ExampleProcess, path: string, init?: RequestInit): Promise<Response> =>
    fetch(`${service.address}${path}`, init);
  const upload = async (body: Buffer, type = 'image/webp', of = 'img1'): Promise<Response> =>
    at(services[0], `/images/${of}/exports?width=320&height=180`, {
      method: 'POST',
      headers: { 'content-type': type },
      body: new Uint8Array(body),
    });
  const uploaded = async (): Promise<Uploaded> => (await (await upload(image)).json()) as Uploaded;

  it('takes an image, and every process of the host serves it, in ranges as well', async () => {
    const response = await upload(image);
    expect(response.status).toBe(201);
    const row = (await response.json()) as Uploaded;
    expect(row).toMatchObject({ file_size: image.length, sha256 });
    for (const service of services) {
      const whole = await at(service, `/images/exports/${row.image_file_export_uid}`);
      expect(whole.headers.get('etag')).toBe(`"${sha256}"`);
      expect(whole.headers.get('content-type')).toBe('image/webp');
      expect(Buffer.from(await whole.arrayBuffer()).equals(image)).toBe(true);
      const part = await at(service, `/files/${row.s3_file_uid}`, { headers: { range: 'bytes=-100' } });
      expect([part.status, part.headers.get('content-range')]).toEqual([206, 'bytes 699901-700000/700001']);
      expect(Buffer.from(await part.arrayBuffer()).equals(image.subarray(-100))).toBe(true);
      const known = await at(service, `/files/${row.s3_file_uid}`, { headers: { 'if-none-match': `"${sha256}"` } });
      expect(known.status).toBe(304);
      const beyond = await at(service, `/files/${row.s3_file_uid}`, { headers: { range: 'bytes=700001-' } });
      expect([beyond.status, beyond.headers.get('content-range')]).toEqual([416, 'bytes */700001']);
      const explained = (await (await at(service, `/files/${row.s3_file_uid}/explain`)).json()) as { verdict: string };
      expect(explained.verdict).toMatch(/copy lies on this host/);
    }
    const metadata = await at(services[1], `/images/exports/${row.image_file_export_uid}/metadata`);
    expect(await metadata.json()).toMatchObject({
      file_size: image.length,
      image_file_uid: 'img1',
      s3_file_uid: row.s3_file_uid,
      s3_file_key: expect.stringMatching(/^s3_files\/images\/exports\/oseh_ife_[^/]+\/[\w-]{22}\.webp$/),
      content_type: 'image/webp',
      width: 320,
      height: 180,
    });
  });

  it('keeps what is known of thumbnails under key classes, until one is added, replaced, purged or deleted', async () => {
    const put = (path: string, body: Buffer): Promise<Response> =>
      at(services[1], path, { method: 'PUT', headers: { 'content-type': 'image/png' }, body: new Uint8Array(body) });
    const playlists = async (): Promise<unknown[]> =>
      Promise.all(services.map(async (service) => (await at(service, '/images/img2/playlist')).json()));
    /** Another process of the host hears of a change a moment later. */
    const playlistIs = (list: object[]): Promise<void> =>
      eventually(async () => expect(await playlists()).toMatchObject([list, list]));
    await playlistIs([]);
    const { image_file_export_uid: uid, s3_file_uid: file } = (await (
      await upload(image, 'image/webp', 'img2')
    ).json()) as Uploaded;
    const item = { uid, width: 320, height: 180, content_type: 'image/webp', file_size: image.length };
    await playlistIs([item]);
    for (const service of services) await (await at(service, `/images/exports/${uid}`)).arrayBuffer();

    const newer = image.subarray(0, 1_000);
    const replaced = await put(`/images/exports/${uid}?width=64&height=36`, newer);
    expect(replaced.status).toBe(200);
    await playlistIs([{ uid, width: 64, height: 36, content_type: 'image/png', file_size: 1_000 }]);
    for (const service of services) {
      const metadata = async (): Promise<unknown> => (await at(service, `/images/exports/${uid}/metadata`)).json();
      await eventually(async () =>
        expect(await metadata()).toMatchObject({ width: 64, height: 36, content_type: 'image/png' }),
      );
      const served = await at(service, `/images/exports/${uid}`);
      expect(Buffer.from(await served.arrayBuffer()).equals(newer)).toBe(true);
      expect((await at(service, `/files/${file}`)).status).toBe(404);
    }
    expect((await put('/images/exports/oseh_ife_none?width=64&height=36', newer)).status).toBe(404);
    expect((await put(`/images/exports/${uid}?width=64`, newer)).status).toBe(400);

    // As somebody mends a row by hand.
    const path = join(data, 'files', 'rows', 'image_file_exports', `${uid}.json`);
    const row = JSON.parse(readFileSync(path, 'utf8')) as object;
    writeFileSync(path, JSON.stringify({ ...row, width: 65 }));
    await playlistIs([{ width: 64 }]);
    const purged = await at(services[0], `/images/exports/${uid}/purge`, { method: 'POST' });
    expect(await purged.json()).toEqual({ acknowledged: true });
    await playlistIs([{ width: 65 }]);

    await at(services[1], `/images/exports/${uid}`, { method: 'DELETE' });
    await playlistIs([]);
  });

  it('serves an image from another process while it is replaced', async () => {
    const { image_file_export_uid: uid } = await uploaded();
    const replace = (): Promise<Response> =>
      at(services[0], `/images/exports/${uid}?width=64&height=36`, {
        method: 'PUT',
        headers: { 'content-type': 'image/png' },
        body: new Uint8Array(image.subarray(0, 1_000)),
      });
    const statuses = new Set<number>();
    let isReplaced = false;
    const reader = async (): Promise<void> => {
      while (!isReplaced) {
        const response = await at(services[1], `/images/exports/${uid}`);
        await response.arrayBuffer();
        statuses.add(response.status);
      }
    };
    const readers = Promise.all([reader(), reader()]);
    for (let times = 0; times < 20; times += 1) expect((await replace()).status).toBe(200);
    isReplaced = true;
    await readers;
    expect([...statuses]).toEqual([200]);
  });

  it('forgets copies when it is asked to, and the file when that is deleted', async () => {
    const { image_file_export_uid: uid, s3_file_uid: file } = await uploaded();
    await (await at(services[1], `/images/exports/${uid}`)).arrayBuffer();
    expect(await (await at(services[0], `/files/${file}/purge`, { method: 'POST' })).json()).toEqual({
      acknowledged: true,
    });
    const explained = await (await at(services[1], `/files/${file}/explain`)).json();
    expect(explained).toMatchObject({ verdict: expect.stringMatching(/No copy/), unfinished: [] });
    const deleted = await at(services[0], `/images/exports/${uid}`, { method: 'DELETE' });
    expect(await deleted.json()).toEqual({ acknowledged: true });
    expect((await at(services[0], `/images/exports/${uid}`)).status).toBe(404);
    expect((await at(services[1], `/files/${file}`)).status).toBe(404);
  });

  it('refuses what is no image, or too large', async () => {
    expect((await upload(Buffer.from('<html>'), 'text/html')).status).toBe(415);
    expect((await upload(Buffer.alloc(50_000_001))).status).toBe(413);
    expect((await at(services[0], '/images/exports/..%2f..%2fetc')).status).toBe(404);
  });

  it('answers from its copies after a restart', async () => {
    const { s3_file_uid: file } = await uploaded();
    await (await at(services[0], `/files/${file}`)).arrayBuffer();
    expect(await services[0].stop()).toBe('SIGTERM');
    services[0] = await start();
    const explained = (await (await at(services[0], `/files/${file}/explain`)).json()) as { verdict: string };
    expect(explained.verdict).toMatch(/^A copy lies on this host/);
    const again = await at(services[0], `/files/${file}`);
    expect(Buffer.from(await again.arrayBuffer()).equals(image)).toBe(true);
    const health = (await (await at(services[0], '/health')).json()) as { files: { usedBytes: number } };
    expect(health.files.usedBytes).toBeGreaterThan(image.length);
  });
});

describe('Its catalogue', () => {
  it('gives copies of files no life that nobody applies', () => {
    const copies = catalogue.toJSON().find(({ pattern }) => pattern === 's3_files:{uid}');
    expect(copies).toMatchObject({
      life: 'until invalidated',
      description: expect.stringContaining('FILES_MAX_BYTES'),
    });
  });

  it('holds the sixteen classes of objects, and the keys of files', () => {
    const described = catalogue.toJSON();
    const objects = described.filter((one) => 'kind' in one && one.kind === 'object').map(({ pattern }) => pattern);
    expect(objects).toHaveLength(16);
    expect(described.map(({ pattern }) => pattern)).toEqual(
      expect.arrayContaining(['s3_files:{uid}', 'image_files:exports:{uid}', 's3_files/journals/keys/master/{uid}']),
    );
  });
});
