import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { computing, everything, northwind } from '../src/seed/customers.js';
import { readCourses } from '../src/upstream/catalog/course-data.js';
import { request, startExample } from './support/example-process.js';
import type { ExampleProcess } from './support/example-process.js';

const courses = readCourses();
const [first, second] = courses as [(typeof courses)[0], (typeof courses)[0]];

describe('course data', () => {
  it('gives each of the 974 courses a key of its own, the same every time', () => {
    expect(courses).toHaveLength(974);
    expect(new Set(courses.map(({ key }) => key)).size).toBe(974);
    expect(courses.every(({ key }) => /^[A-Za-z0-9]+\+[A-Z0-9]+$/.test(key))).toBe(true);
    expect(courses[2]).toMatchObject({ key: 'HarvardX+CSITC241', uuid: '9e7a6ccb-0b3a-5713-a75d-2d4802f9c56a' });
  });
});

describe('the catalog service', () => {
  let upstream: ExampleProcess;
  const get = (path: string) => request('GET', upstream.address + path);

  beforeAll(async () => {
    upstream = await startExample('upstream/catalog/main.ts', { env: { CATALOG_DELAY_MS: '0' } });
  });
  beforeEach(async () => {
    await request('DELETE', `${upstream.address}/stats`);
    await request('DELETE', `${upstream.address}/faults`);
  });
  afterAll(async () => {
    expect(await upstream.stop()).toBe(0);
  });

  it('answers a run, or its course when asked to', async () => {
    const run = encodeURIComponent(`course-v1:${first.key}+2026T1`);
    const path = `/api/v1/enterprise-customers/${northwind.uuid}/content-metadata/${run}/`;
    expect((await get(path)).body).toMatchObject({
      content_type: 'courserun',
      key: `course-v1:${first.key}+2026T1`,
      parent_content_key: first.key,
    });
    expect((await get(`${path}?coerce_to_parent_course=true`)).body).toMatchObject({
      content_type: 'course',
      key: first.key,
      title: first.title,
      content_price_cents: first.priceUsd * 100,
    });
  });

  it('answers 404 for what no catalog of the customer holds', async () => {
    const { status } = await get(`/api/v1/enterprise-customers/${northwind.uuid}/content-metadata/edX%2BNone/`);
    expect(status).toBe(404);
  });

  it('answers many keys at once and leaves out those it does not know', async () => {
    const keys = [second.key, 'edX+None', first.key].map(encodeURIComponent).join(',');
    const { body } = await get(`/api/v1/enterprise-catalogs/${everything.uuid}/content-metadata/?content_keys=${keys}`);
    expect(body).toMatchObject({ count: 2, results: [{ key: second.key }, { key: first.key }] });
  });

  it('holds only courses of its subjects in a catalog of subjects', async () => {
    const held = async (key: string) =>
      (
        await get(
          `/api/v1/enterprise-catalogs/${computing.uuid}/contains-content/?content_keys=${encodeURIComponent(key)}`,
        )
      ).body;
    expect(await held(second.key)).toEqual({ contains_content_items: true });
    expect(await held(first.key)).toEqual({ contains_content_items: false });
  });

  it('moves the modification time forward when content changes', async () => {
    const path = `/api/v1/enterprise-catalogs/${computing.uuid}/`;
    const before = (await get(path)).body as { content_last_modified: string };
    const change = { course_key: second.key, title: 'Python, again' };
    await request('POST', `${upstream.address}/admin/catalogs/${computing.uuid}/changes/`, { body: change });
    const after = (await get(path)).body as { content_last_modified: string };
    expect(Date.parse(after.content_last_modified)).toBeGreaterThan(Date.parse(before.content_last_modified));
    const metadata = `${path}content-metadata/?content_keys=${encodeURIComponent(second.key)}`;
    expect((await get(metadata)).body).toMatchObject({ results: [{ title: 'Python, again' }] });
  });

  it('counts what it was asked, and not what steers it', async () => {
    await get(`/api/v1/enterprise-catalogs/${everything.uuid}/`);
    await get('/health');
    expect((await get('/stats')).body).toMatchObject({
      total: 1,
      by_route: { 'GET /api/v1/enterprise-catalogs/:uuid/': 1 },
    });
  });

  it('fails as it is told, and only then', async () => {
    const path = `/api/v1/enterprise-catalogs/${everything.uuid}/`;
    const plan = (body: object) => request('POST', `${upstream.address}/faults`, { body: { ...body, times: 1 } });
    await plan({ status: 503 });
    expect((await get(path)).status).toBe(503);
    await plan({ body: 'empty' });
    expect((await get(path)).body).toEqual({});
    await plan({ body: 'garbage' });
    expect((await get(path)).body).toBe('{"results": [');
    await plan({ disconnect: true });
    await expect(get(path)).rejects.toThrow();
    await plan({ hang: true });
    await expect(fetch(upstream.address + path, { signal: AbortSignal.timeout(300) })).rejects.toThrow(/timeout/i);
    expect((await plan({})).status).toBe(400);
    expect((await get(path)).status).toBe(200);
  });
});
