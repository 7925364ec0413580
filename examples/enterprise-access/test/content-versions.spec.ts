import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '../../../test/support/eventually.js';
import { everything, northwind } from '../src/seed/customers.js';
import { readCourses } from '../src/upstream/catalog/course-data.js';
import { request } from './support/example-process.js';
import { RunningService } from './support/running-service.js';
import { startStore } from './support/stores.js';
import type { ServiceStore } from './support/stores.js';

const [first, second] = readCourses().map(({ key }) => key) as [string, string];

describe.each(['disk', 'redis'] as const)('a changed catalog on the %s store', (storeName) => {
  let store: ServiceStore;
  let service: RunningService;
  const single = (key: string): string =>
    `content-metadata/${encodeURIComponent(key)}/?enterprise_customer_uuid=${northwind.uuid}`;
  const bulk = (key: string): string =>
    `enterprise-catalogs/${everything.uuid}/content-metadata/?content_keys=${encodeURIComponent(key)}`;

  beforeAll(async () => {
    store = await startStore[storeName]();
    // Content is kept for an hour: only its version can show the change.
    const env = { ...store.env, CONTENT_METADATA_CACHE_TIMEOUT: '3600', CONTENT_VERSION_CACHE_TIMEOUT: '1' };
    service = await RunningService.start({ workers: 2, env });
  });
  afterAll(async () => {
    await service.stop();
    await store.stop();
  });

  it.each([
    ['single', single, first],
    ['bulk', bulk, second],
  ] as const)(
    'is seen by %s requests in all processes as soon as its modification time is read',
    async (name, path, key) => {
      for (const worker of [0, 1]) expect((await service.get(path(key), { worker })).status).toBe(200);
      const title = `Changed for ${name}`;
      const change = { course_key: key, title };
      await request('POST', `${service.catalog.address}/admin/catalogs/${everything.uuid}/changes/`, { body: change });
      for (const worker of [0, 1]) {
        await eventually(async () => {
          expect(JSON.stringify((await service.get(path(key), { worker })).body)).toContain(title);
        });
      }
    },
  );

  it('does not need the catalog to tell: without a modification time what is cached will do', async () => {
    await service.get(single(first));
    const noVersions = { status: 503, match: `/enterprise-customers/${northwind.uuid}/` };
    await service.planFault(service.catalog, noVersions);
    // By then no cached modification time is left.
    await new Promise((resolve) => setTimeout(resolve, 2_200));
    const { status, headers } = await service.get(single(first));
    expect([status, headers.get('x-cache')]).toEqual([200, expect.stringMatching(`^(process|${store.tier})$`)]);
    await service.reset();
  });
});
