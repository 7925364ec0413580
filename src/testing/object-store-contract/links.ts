import assert from 'node:assert/strict';
import { ObjectOperationError } from '../../object/object-errors.js';
import { InvalidDurationError } from '../../value/errors.js';
import type { TestRunner } from '../codec-contract.js';
import { onBench, rejectsWith } from './bench.js';
import type { Bench, ObjectStoreContractOptions } from './bench.js';

/** Requests for those without credentials. */
export function linkRules({ describe, it }: TestRunner, options: ObjectStoreContractOptions): void {
  const rule = (name: string, test: (bench: Bench) => Promise<void>): void => it(name, onBench(options, test));
  const linkRule = (name: string, test: (bench: Bench) => Promise<void>): void =>
    rule(name, async (bench) => {
      if (bench.store.presigns) return test(bench);
      const refused = bench.store.presign(bench.key('a'), { method: 'GET', expiresIn: '1m' });
      await rejectsWith(ObjectOperationError, refused);
    });

  describe('links', () => {
    linkRule('to read give the object, under the name and type that were asked', async ({ store, key }) => {
      const name = key('a b/ü+%2F');
      await store.put(name, 'linked', { contentType: 'text/plain' });
      const plain = await send(await store.presign(name, { method: 'GET', expiresIn: '1m' }));
      assert.deepEqual([plain.status, plain.text, plain.headers.get('content-type')], [200, 'linked', 'text/plain']);
      const named = await send(
        await store.presign(name, {
          method: 'GET',
          expiresIn: 60_000,
          downloadName: 'Bericht "ü".txt',
          contentType: 'text/csv',
        }),
      );
      assert.equal(named.headers.get('content-type'), 'text/csv');
      const disposition = named.headers.get('content-disposition') ?? '';
      assert.match(disposition, /^attachment;/);
      assert.match(disposition, /filename\*=UTF-8''Bericht%20%22%C3%BC%22\.txt/);
    });

    linkRule('to write take the object, of the type and size that were asked', async ({ store, key, read }) => {
      const request = await store.presign(key('a'), {
        method: 'PUT',
        expiresIn: '1m',
        contentType: 'image/png',
        size: 5,
      });
      const longer = await send(request, 'longer than that');
      assert.equal(longer.status, 403);
      assert.equal(await store.head(key('a')), undefined);
      assert.equal((await send(request, 'five!')).status, 200);
      assert.equal((await read(key('a'))).toString(), 'five!');
      assert.equal((await store.head(key('a')))?.contentType, 'image/png');
    });

    linkRule('are for one object, one method and a while', async ({ store, key }) => {
      await store.put(key('a'), 'linked');
      await store.put(key('b'), 'not linked');
      const request = await store.presign(key('a'), { method: 'GET', expiresIn: '1m' });
      const other = { ...request, url: request.url.replace('/a?', '/b?') };
      assert.notEqual(other.url, request.url);
      assert.equal((await send(other)).status, 403);
      assert.equal((await send({ ...request, method: 'PUT' }, 'overwritten')).status, 403);
      for (const expiresIn of [0, 999, '8d', Infinity] as const) {
        await rejectsWith(InvalidDurationError, store.presign(key('a'), { method: 'GET', expiresIn }));
      }
    });
  });
}

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly headers: Headers;
}

async function send(
  {
    url,
    method,
    headers,
  }: { readonly url: string; readonly method: string; readonly headers: Readonly<Record<string, string>> },
  body?: string,
): Promise<Answer> {
  // fetch counts the length itself and refuses to be told.
  const { 'content-length': _, ...sent } = headers;
  const response = await fetch(url, { method, headers: sent, ...(body !== undefined && { body }) });
  return { status: response.status, text: await response.text(), headers: response.headers };
}
