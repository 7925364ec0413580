import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { JwtService } from '@nestjs/jwt';
import { computing, contoso, everything, northwind } from '../src/seed/customers.js';
import { readCourses } from '../src/upstream/catalog/course-data.js';
import { eventually } from '../../../test/support/eventually.js';
import { request } from './support/example-process.js';
import { RunningService } from './support/running-service.js';
import { combinationsWith, startStore } from './support/stores.js';
import type { ServiceStore } from './support/stores.js';

const courses = readCourses();
const contentRoute = 'GET /api/v1/enterprise-customers/:uuid/content-metadata/:key/';
const bulkRoute = 'GET /api/v1/enterprise-catalogs/:uuid/content-metadata/';
const containsRoute = 'GET /api/v1/enterprise-catalogs/:uuid/contains-content/';

describe.each(combinationsWith('memcached'))('content metadata on the %s store, over %s', (storeName, adapter) => {
  let store: ServiceStore;
  let service: RunningService;
  let nextCourse = 0;
  /** A course that no test has asked for yet. */
  const freshKey = (): string => (courses[nextCourse++] as (typeof courses)[0]).key;
  const content = (key: string, customer = northwind.uuid, more = ''): string =>
    `content-metadata/${encodeURIComponent(key)}/?enterprise_customer_uuid=${customer}${more}`;
  const bulk = (keys: readonly string[], more = ''): string =>
    `enterprise-catalogs/${everything.uuid}/content-metadata/?content_keys=${keys.map(encodeURIComponent).join(',')}${more}`;
  const contains = (key: string): string =>
    `enterprise-catalogs/${computing.uuid}/contains-content/?content_key=${encodeURIComponent(key)}`;

  /** What a near copy answers. A process that stood still for a while, on a busy machine, asks the store first. */
  const near = (path: string) =>
    eventually(async () => {
      const answer = await service.get(path);
      expect(answer.headers.get('x-cache')).toMatch(/^process( \d+)?$/);
      return answer;
    });
  /** Whichever tier answers, nothing is loaded. */
  const cached = (count = '') => expect.stringMatching(new RegExp(`^(process|${store.tier})${count}$`));

  beforeAll(async () => {
    store = await startStore[storeName]();
    // Upstream is held back in some of these, for as long as a busy machine takes to ask it for all.
    const env = { ...store.env, HTTP_ADAPTER: adapter, UPSTREAM_TIMEOUT: '60' };
    service = await RunningService.start({ workers: 2, env });
    // A first fill that takes longer than the store's deadline, while a busy machine starts everything at once, is in no other process.
    await eventually(async () => {
      const path = content(freshKey());
      await service.get(path);
      expect((await service.get(path, { worker: 1 })).headers.get('x-cache')).toBe(store.tier);
    });
  });
  beforeEach(async () => {
    await service.reset();
  });
  afterAll(async () => {
    expect(await service.stop()).toEqual(['SIGTERM', 'SIGTERM']);
    await store.stop();
  });

  it('answers from a load, then from this process, and in another process from the store', async () => {
    const key = freshKey();
    const [first, second, elsewhere] = [
      await service.get(content(key)),
      await near(content(key)),
      await service.get(content(key), { worker: 1 }),
    ];
    expect([first, second, elsewhere].map(({ status }) => status)).toEqual([200, 200, 200]);
    expect([first, second, elsewhere].map(({ headers }) => headers.get('x-cache'))).toEqual([
      'load',
      'process',
      store.tier,
    ]);
    expect(first.body).toMatchObject({ content_type: 'course', key, title: courses[nextCourse - 1]?.title });
    expect([second.body, elsewhere.body]).toEqual([first.body, first.body]);
    expect((await service.upstreamRequests(service.catalog))[contentRoute]).toBe(1);
  });

  it('answers a run, and its course when asked to', async () => {
    const key = freshKey();
    const run = `course-v1:${key}+2026T1`;
    expect((await service.get(content(run))).body).toMatchObject({ key: run, parent_content_key: key });
    expect((await service.get(content(run, northwind.uuid, '&coerce_to_parent_course=true'))).body).toMatchObject({
      key,
    });
    // The same key without the parameter is another entry.
    expect((await service.get(content(run))).body).toMatchObject({ key: run });
  });

  it('logs which tier answered each request', async () => {
    const key = freshKey();
    await service.get(content(key));
    await service.get(content(key));
    await eventually(() => {
      const lines = service.worker(0).lines.filter((line) => line.includes(encodeURIComponent(key)));
      expect(lines).toEqual([
        expect.stringMatching(/200 [\d.]+ ms \[load\] GET \/api\/v1\/content-metadata\//),
        expect.stringMatching(new RegExp(`200 [\\d.]+ ms \\[(process|${store.tier})\\] GET /api/v1/content-metadata/`)),
      ]);
    });
  });

  it('answers many keys in their order: the cached from the cache, the others by one request upstream', async () => {
    const [known, one, other] = [freshKey(), freshKey(), freshKey()];
    await service.get(bulk([known]));
    await service.reset();
    const { status, body, headers } = await service.get(bulk([other, 'edX+Unknown', known, one]));
    expect(status).toBe(200);
    expect(body).toMatchObject({
      count: 3,
      results: [{ key: other }, { key: known }, { key: one }],
      unknown_content_keys: ['edX+Unknown'],
    });
    expect(headers.get('x-cache')).toEqual(cached(' 1, load 3'));
    const { body: stats } = await request('GET', `${service.catalog.address}/stats`);
    const asked = (stats as { recent: string[] }).recent.filter((line) => line.includes('content_keys='));
    expect(asked).toEqual([expect.stringContaining([other, 'edX+Unknown', one].map(encodeURIComponent).join(','))]);
    await eventually(() => {
      expect(service.worker(0).lines.join('\n')).toContain(`catalog ${everything.uuid} knows nothing of edX+Unknown`);
    });
  });

  it('takes keys as a list, repeated, and with plus signs that were not encoded', async () => {
    const [one, other] = [freshKey(), freshKey()];
    const path = `enterprise-catalogs/${everything.uuid}/content-metadata/?content_keys=${one}&content_keys=${other},${one}`;
    expect((await service.get(path)).body).toMatchObject({ results: [{ key: one }, { key: other }, { key: one }] });
  });

  it('keeps a false as an answer', async () => {
    const course = courses.find(({ subject }) => subject === 'History') as (typeof courses)[0];
    const loaded = await service.get(contains(course.key));
    expect([loaded.body, loaded.headers.get('x-cache')]).toEqual([{ contains_content_items: false }, 'load']);
    expect((await near(contains(course.key))).body).toEqual({ contains_content_items: false });
    const elsewhere = await service.get(contains(course.key), { worker: 1 });
    expect([elsewhere.body, elsewhere.headers.get('x-cache')]).toEqual([{ contains_content_items: false }, store.tier]);
    expect((await service.upstreamRequests(service.catalog))[containsRoute]).toBe(1);
  });

  it('passes an error, a broken connection and half a document of upstream on as 502 and keeps nothing of them', async () => {
    const faults = { error: { status: 503 }, 'broken connection': { disconnect: true }, half: { body: 'garbage' } };
    // All at once: after a failure each of them keeps away from its source for a second.
    await Promise.all(
      Object.entries(faults).map(async ([name, fault]) => {
        const key = freshKey();
        const match = `/content-metadata/${encodeURIComponent(key)}/`;
        await service.planFault(service.catalog, { ...fault, times: 1, match });
        const failed = await service.get(content(key));
        expect([name, failed.status, failed.body]).toEqual([name, 502, { detail: 'The catalog service failed.' }]);
        // The error is the answer for a moment, so that nobody throws themselves at a service in trouble; it is kept nowhere.
        await eventually(async () =>
          expect(await service.get(content(key))).toMatchObject({ status: 200, body: { key } }),
        );
      }),
    );
  });

  it('passes an upstream failure of a bulk on as 502 and keeps nothing of it', async () => {
    const keys = [freshKey(), freshKey()];
    await service.planFault(service.catalog, { status: 500, times: 1, match: '/content-metadata/' });
    expect((await service.get(bulk(keys))).status).toBe(502);
    // For a second others are answered with the failure, too.
    await eventually(async () => expect((await service.get(bulk(keys))).body).toMatchObject({ count: 2 }));
  });

  it('keeps no empty record', async () => {
    const key = freshKey();
    await service.planFault(service.catalog, { body: 'empty', times: 1, match: '/content-metadata/' });
    expect((await service.get(content(key))).status).toBe(404);
    expect(await service.get(content(key))).toMatchObject({ status: 200, body: { key } });
  });

  it('answers 404 for what the customer has not, every time from upstream', async () => {
    const unknown = encodeURIComponent('edX+Nothing404');
    for (let time = 1; time <= 2; time++) {
      expect((await service.get(`content-metadata/${unknown}/?enterprise_customer_uuid=${contoso.uuid}`)).status).toBe(
        404,
      );
      expect((await service.upstreamRequests(service.catalog))[contentRoute]).toBe(time);
    }
  });

  it('asks upstream for no more at once than maxConcurrentLoads says, however many keys somebody makes up', async () => {
    await service.planFault(service.catalog, { hold: true, match: '/content-metadata/' });
    const madeUp = Array.from({ length: 100 }, (_, index) => service.get(content(`edX+Made${index}`)));
    await eventually(async () => expect((await service.upstreamStats(service.catalog)).most_at_once).toBe(32));
    const { by_route } = await service.upstreamStats(service.catalog);
    await service.releaseFaults(service.catalog);
    expect(new Set((await Promise.all(madeUp)).map(({ status }) => status))).toEqual(new Set([404]));
    const after = await service.upstreamStats(service.catalog);
    expect([by_route[contentRoute], after.by_route[contentRoute], after.most_at_once]).toEqual([32, 100, 32]);
  });

  describe('force_cache_miss', () => {
    it.each([
      ['true', 'staff'],
      ['TRUE', 'staff'],
      ['True', 'staff'],
    ] as const)('=%s from active staff loads once more and writes back', async (value, who) => {
      const key = freshKey();
      await service.get(content(key));
      const forced = await service.get(content(key, northwind.uuid, `&force_cache_miss=${value}`), {
        as: service[who],
      });
      expect([forced.status, forced.headers.get('x-cache')]).toEqual([200, 'load']);
      await near(content(key));
    });

    it('writes what is fresh back for everybody', async () => {
      const key = freshKey();
      await service.get(content(key));
      const change = { course_key: key, title: 'Another title' };
      await request('POST', `${service.catalog.address}/admin/catalogs/${everything.uuid}/changes/`, { body: change });
      expect((await service.get(content(key))).body).not.toMatchObject({ title: 'Another title' });
      await service.get(content(key, northwind.uuid, '&force_cache_miss=true'), { as: service.staff });
      expect((await service.get(content(key))).body).toMatchObject({ title: 'Another title' });
    });

    it('works for many keys at once', async () => {
      const keys = [freshKey(), freshKey()];
      await service.get(bulk(keys));
      await service.reset();
      const forced = await service.get(bulk(keys, '&force_cache_miss=true'), { as: service.staff });
      expect(forced.headers.get('x-cache')).toBe('load 2');
      expect((await service.upstreamRequests(service.catalog))[bulkRoute]).toBe(1);
      expect((await near(bulk(keys))).headers.get('x-cache')).toBe('process 2');
    });

    it.each(['learner', 'inactiveStaff'] as const)('does nothing from %s', async (who) => {
      const key = freshKey();
      await service.get(content(key));
      const { headers } = await service.get(content(key, northwind.uuid, '&force_cache_miss=true'), {
        as: service[who],
      });
      expect(headers.get('x-cache')).toEqual(cached());
    });
  });

  it('shows nobody what one process was told to forget', async () => {
    const key = freshKey();
    await service.get(content(key));
    await service.get(content(key), { worker: 1 });
    expect((await service.delete(content(key))).status).toBe(403);
    const { status, body } = await service.delete(content(key), { as: service.staff });
    expect([status, body]).toEqual([200, { acknowledged: true }]);
    expect((await service.get(content(key))).headers.get('x-cache')).toBe('load');
    // The other process learns of it within the coherence interval, and takes the new entry from the store.
    await eventually(async () => {
      expect((await service.get(content(key), { worker: 1 })).headers.get('x-cache')).toBe(store.tier);
    });
  });

  if (adapter === 'express') {
    it('never shows in a process what another one was told to forget, once its interval is over', async () => {
      const key = freshKey();
      const intervalMs = storeName === 'disk' ? 50 : 1_000;
      // The interval, a round trip to the store (its deadline), and what a hit's clock may be behind.
      const boundMs = intervalMs + 250 + 25;
      const changes = process.env['ENDURANCE'] === '1' ? 40 : storeName === 'disk' ? 8 : 3;
      const reads: { worker: number; version: number; began: number; ended: number }[] = [];
      const deletions: { worker: number; version: number; at: number }[] = [];
      let reading = true;
      const read = async (worker: number): Promise<void> => {
        while (reading) {
          const began = Date.now();
          const { status, body } = await service.get(content(key), { worker });
          expect(status).toBe(200);
          const [, version = '0'] = /^Version (\d+)$/.exec((body as { title: string }).title) ?? [];
          reads.push({ worker, version: Number(version), began, ended: Date.now() });
          await pause(3);
        }
      };
      const readers = Promise.all([0, 1].map(read));
      for (let version = 1; version <= changes; version++) {
        const worker = version % 2;
        const change = { course_key: key, title: `Version ${version}` };
        await request('POST', `${service.catalog.address}/admin/catalogs/${everything.uuid}/changes/`, {
          body: change,
        });
        expect((await service.delete(content(key), { as: service.staff, worker })).body).toEqual({
          acknowledged: true,
        });
        deletions.push({ worker, version, at: Date.now() });
        await pause(intervalMs * 0.6 + 60);
      }
      await pause(boundMs);
      reading = false;
      await readers;
      const violations = reads.flatMap(({ worker, version, began }) =>
        deletions
          .filter((deleted) => deleted.version > version)
          .filter((deleted) => began > deleted.at + (deleted.worker === worker ? 0 : boundMs))
          .map((deleted) => `worker ${worker} showed ${version} ${began - deleted.at} ms after ${deleted.version}`),
      );
      expect(violations).toEqual([]);
      for (const one of [0, 1]) {
        const seen = reads.filter(({ worker }) => worker === one).map(({ version }) => version);
        expect(seen.at(-1)).toBe(changes);
      }
    });
  }

  it('answers 401 without a token, with a bad one, with one that expired, and with one that never would', async () => {
    const path = content(courses[0]?.key ?? '');
    const expired = new JwtService().sign(
      { lms_user_id: 7, exp: 1_700_000_000 },
      { secret: 'a secret of the tests, long enough for HS256' },
    );
    const forged = new JwtService().sign({ lms_user_id: 7 }, { secret: 'another secret, as long as the right one' });
    const endless = new JwtService().sign(
      { lms_user_id: 7 },
      { secret: 'a secret of the tests, long enough for HS256' },
    );
    const unsigned = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from('{"lms_user_id":1}').toString('base64url')}.`;
    for (const bad of ['', 'nonsense', expired, forged, endless, unsigned]) {
      const { status, body } = await service.get(path, { as: bad });
      expect([status, body]).toEqual([401, { detail: expect.any(String) }]);
    }
  });

  it.each([
    ['content_key', 'content-metadata/nonsense/?enterprise_customer_uuid='],
    ['enterprise_customer_uuid', 'content-metadata/edX%2BA/?enterprise_customer_uuid=7&x='],
    ['enterprise_customer_uuid', 'content-metadata/edX%2BA/?x='],
    ['coerce_to_parent_course', 'content-metadata/edX%2BA/?coerce_to_parent_course=2&enterprise_customer_uuid='],
    ['uuid', 'enterprise-catalogs/7/contains-content/?content_key=edX%2BA&x='],
    [
      'content_keys',
      'enterprise-catalogs/56b024ad-54da-55d8-a2ef-f1775d257101/content-metadata/?content_keys=edX%2BA,,&x=',
    ],
    ['content_keys', 'enterprise-catalogs/56b024ad-54da-55d8-a2ef-f1775d257101/content-metadata/?x='],
    [
      'content_key',
      'enterprise-catalogs/56b024ad-54da-55d8-a2ef-f1775d257101/contains-content/?content_key=%0d%0aget&x=',
    ],
  ])('answers 400 that names %s: %s', async (field, path) => {
    const { status, body } = await service.get(path + northwind.uuid);
    expect([status, body]).toEqual([
      400,
      { detail: expect.stringMatching(`^${field}: `), errors: [{ field, reason: expect.any(String) }] },
    ]);
  });
});
