import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { defineObject } from '../../src/catalogue/define-object.js';
import { hint, instantPart, randomPart } from '../../src/catalogue/object-parts.js';
import { StoredObjects } from '../../src/file/stored-objects.js';
import { memoryObjectStore } from '../../src/object/memory-object-store.js';
import { ObjectExistsError, ObjectOperationError, ObjectSizeError } from '../../src/object/object-errors.js';
import type { ObjectStore, PresignOptions } from '../../src/object/object-store.js';
import { InvalidKeyError, InvalidOptionError } from '../../src/value/errors.js';

const params = { random: randomPart() };
const images = defineObject('images/{uid}/{random}.{format}', {
  params: { ...params, format: { values: ['png', 'webp'] } },
  contentType: ({ format }) => `image/${format}`,
  maxBytes: 100,
});
const videos = defineObject('videos/{uid}/{name}', { immutable: true });
const audio = defineObject('images/{uid}/{random}', { params: { uid: hint(), ...params } });
const secrets = defineObject('keys/{uid}', { secret: true });

async function textOf(body: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

/** A store that has links, as S3 has. */
function linking(store: ObjectStore): ObjectStore & { readonly asked: PresignOptions[] } {
  const asked: PresignOptions[] = [];
  return Object.assign(Object.create(store) as ObjectStore, {
    asked,
    presigns: true,
    presign: async (key: string, options: PresignOptions) => {
      asked.push(options);
      return { method: options.method, url: `http://localhost/${key}`, headers: {} };
    },
  });
}

describe('The objects of an application', () => {
  it('are put under new keys, with the type of their class, and read, headed and deleted by them', async () => {
    const objects = new StoredObjects(memoryObjectStore());
    const { key, size, sha256 } = await objects.put(
      images,
      { uid: 'u1', format: 'webp' },
      Readable.from([Buffer.from('bytes')]),
    );
    expect([size, sha256.length]).toEqual([5, 64]);
    expect(images.parse(key)?.parameters).toMatchObject({ uid: 'u1', format: 'webp' });
    expect((await objects.head(images, key))?.contentType).toBe('image/webp');
    expect(await textOf((await objects.open(images, key)).body)).toBe('bytes');
    await objects.delete(images, key);
    expect(await objects.head(images, key)).toBeUndefined();
  });

  it('keep to the limit of their class, which a call may lower and not raise', async () => {
    const objects = new StoredObjects(memoryObjectStore());
    const put = (maxBytes: number | undefined): Promise<unknown> =>
      objects.put(images, { uid: 'u1', format: 'png' }, 'x'.repeat(101), maxBytes === undefined ? {} : { maxBytes });
    await expect(put(undefined)).rejects.toThrow(ObjectSizeError);
    await expect(put(1000)).rejects.toThrow(ObjectSizeError);
  });

  it('that can have no name or no type let go of the stream that they were to be made of', async () => {
    const objects = new StoredObjects(memoryObjectStore());
    const body = new PassThrough();
    await expect(objects.put(videos, { uid: 'a/b', name: 'a.mov' }, body)).rejects.toThrow(InvalidKeyError);
    expect(body.destroyed).toBe(true);
    const contentType = (): string => {
      throw new Error('no type');
    };
    const missing = createReadStream(join(tmpdir(), randomUUID()));
    const closed = new Promise<void>((resolve) => missing.once('close', resolve));
    await expect(objects.put(defineObject('untyped/{uid}', { contentType }), { uid: 'a' }, missing)).rejects.toThrow(
      'no type',
    );
    expect(missing.destroyed).toBe(true);
    await closed;
  });

  it('are not written over where they are immutable', async () => {
    const objects = new StoredObjects(memoryObjectStore());
    await objects.put(videos, { uid: 'u1', name: 'a.mov' }, 'first');
    await expect(objects.put(videos, { uid: 'u1', name: 'a.mov' }, 'second')).rejects.toThrow(ObjectExistsError);
    await objects.put(secrets, { uid: 'u1' }, 'first');
    await objects.put(secrets, { uid: 'u1' }, 'second');
  });

  it('are listed by what is no hint, without those of other classes that begin alike', async () => {
    const objects = new StoredObjects(memoryObjectStore());
    const { key } = await objects.put(images, { uid: 'u1', format: 'png' }, 'x');
    await objects.put(images, { uid: 'u2', format: 'png' }, 'x');
    const other = await objects.put(audio, { uid: 'u1' }, 'x');
    const found = [];
    for await (const object of objects.list(images, { uid: 'u1' })) found.push([object.key, object.parameters.format]);
    expect(found).toEqual([[key, 'png']]);
    const hinted = [];
    for await (const object of objects.list(audio)) hinted.push([object.key, object.hints.uid]);
    expect(hinted).toEqual([[other.key, 'u1']]);
    // @ts-expect-error objects can't be listed by a hint
    await expect(objects.list(audio, { uid: 'u1' }).next()).rejects.toThrow(InvalidKeyError);
  });

  it('are listed and opened also where another program wrote them', async () => {
    const store = memoryObjectStore();
    const backups = defineObject('timely/{reason}-{at}.bak', { params: { at: instantPart('unix') } });
    const key = 'timely/pre-migration-1700000000.bak';
    await store.put(key, 'x');
    const objects = new StoredObjects(store);
    const found = [];
    for await (const object of objects.list(backups)) found.push([object.key, object.parameters.reason]);
    expect(found).toEqual([[key, 'pre-migration']]);
    expect(await textOf((await objects.open(backups, key)).body)).toBe('x');
  });

  it('are not reached by keys of another class', async () => {
    const store = linking(memoryObjectStore());
    const objects = new StoredObjects(store);
    const { key } = await objects.put(secrets, { uid: 'u1' }, 'secret');
    for (const reach of [
      () => objects.open(images, key),
      () => objects.head(images, key),
      () => objects.delete(images, key),
      () => objects.presignGet(images, key, { expiresIn: '1m' }),
    ]) {
      await expect(reach()).rejects.toThrow(InvalidKeyError);
    }
    expect(await objects.head(secrets, key)).toBeDefined();
  });

  it('have links that demand the type of the class and a size within its limit; secrets have none', async () => {
    const store = linking(memoryObjectStore());
    const objects = new StoredObjects(store);
    const options = { expiresIn: '1m' } as const;
    const link = await objects.presignPut(images, { uid: 'u1', format: 'png' }, { ...options, size: 100 });
    expect(link.url).toBe(`http://localhost/${link.key}`);
    expect(store.asked).toEqual([{ method: 'PUT', expiresIn: '1m', size: 100, contentType: 'image/png' }]);
    await objects.presignGet(images, link.key, { ...options, downloadName: 'a.png' });
    expect(store.asked[1]).toEqual({ method: 'GET', expiresIn: '1m', downloadName: 'a.png' });
    for (const size of [undefined, 101]) {
      const asked = { ...options, ...(size !== undefined && { size }) };
      await expect(objects.presignPut(images, { uid: 'u1', format: 'png' }, asked)).rejects.toThrow(InvalidOptionError);
    }
    await expect(objects.presignGet(secrets, 'keys/u1', options)).rejects.toThrow(ObjectOperationError);
    await expect(objects.presignPut(secrets, { uid: 'u1' }, options)).rejects.toThrow(ObjectOperationError);
    expect(store.asked).toHaveLength(2);
  });
});
