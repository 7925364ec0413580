import { expect, it } from '@jest/globals';
import { northwind } from '../src/seed/customers.js';
import { readCourses } from '../src/upstream/catalog/course-data.js';
import { RunningService } from './support/running-service.js';

const keys = readCourses()
  .slice(0, 3)
  .map(({ key }) => key);
const content = (key: string): string =>
  `content-metadata/${encodeURIComponent(key)}/?enterprise_customer_uuid=${northwind.uuid}`;

it('Another CACHE_KEY_VERSION_STAMP makes every entry a miss, and the one of before finds them as they were', async () => {
  const service = await RunningService.start();
  const askedOf = (worker: number): Promise<(string | null)[]> =>
    Promise.all(keys.map(async (key) => (await service.get(content(key), { worker })).headers.get('x-cache')));
  try {
    expect(await askedOf(0)).toEqual(['load', 'load', 'load']);
    const stamp = { CACHE_KEY_VERSION_STAMP: '20260101000000' };
    await service.startWorker(stamp);
    expect(await askedOf(1)).toEqual(['load', 'load', 'load']);
    await service.startWorker(stamp);
    expect(await askedOf(2)).toEqual(['disk', 'disk', 'disk']);
    await service.startWorker();
    expect(await askedOf(3)).toEqual(['disk', 'disk', 'disk']);
  } finally {
    await service.stop();
  }
});
