import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '../../../test/support/eventually.js';
import { northwind } from '../src/seed/customers.js';
import { readCourses } from '../src/upstream/catalog/course-data.js';
import { addPolicy, courses49, transactionsOf } from './support/policies.js';
import { RunningService } from './support/running-service.js';
import { servers, startStore } from './support/stores.js';
import type { ServiceStore } from './support/stores.js';

const keys = readCourses().map(({ key }) => key);
const content = (index: number): string =>
  `content-metadata/${encodeURIComponent(keys[index] as string)}/?enterprise_customer_uuid=${northwind.uuid}`;

describe.each(servers)('%s is killed while the service runs on %s', (storeName, adapter) => {
  let store: ServiceStore;
  let service: RunningService;
  let policy: string;
  const wish = { lms_user_id: 7, content_key: courses49[0] };

  beforeAll(async () => {
    store = await startStore[storeName]();
    service = await RunningService.start({ workers: 2, env: { ...store.env, HTTP_ADAPTER: adapter } });
    policy = await addPolicy(service.ledger, { spendLimitCents: 1_000_000 });
    expect((await service.get(content(0))).status).toBe(200);
    await store.server?.kill();
  });
  afterAll(async () => {
    expect(await service.stop()).toEqual(['SIGTERM', 'SIGTERM']);
    await store.stop();
  });

  it('answers content requests, cached and not, in every process', async () => {
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, index) => service.get(content(index % 10), { worker: index % 2 })),
    );
    expect(answers.map(({ status }) => status).filter((status) => status !== 200)).toEqual([]);
  });

  it('redeems nothing, answers 503 and says when to come back', async () => {
    const { status, body, headers } = await service.redeem(policy, wish);
    expect([status, body]).toEqual([503, { detail: expect.any(String) }]);
    expect(headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
    expect(await transactionsOf(service.ledger, policy)).toEqual([]);
  });

  it('says in its health what is away, and in its metrics what that costs', async () => {
    const { status, body } = await service.ask('health/cache');
    const cache = {
      status: 'degraded',
      store: store.tier,
      away: [expect.objectContaining({ reason: expect.any(String) })],
    };
    expect([status, body]).toEqual([200, expect.objectContaining({ details: { cache } })]);
    const { body: metrics, headers } = await service.ask('metrics');
    expect(headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(metrics).toMatch(/^tiered_cache_faults_total{kind="unavailable",worker="\d+"} [1-9]/m);
    expect(metrics).toMatch(/^tiered_cache_misses_total{cache="default",reason="unavailable",worker="\d+"} [1-9]/m);
    expect(metrics).not.toContain(northwind.uuid);
  });

  it('redeems and caches again when its server is back', async () => {
    await store.server?.start();
    await eventually(async () => expect((await service.redeem(policy, wish)).status).toBe(200));
    expect(await transactionsOf(service.ledger, policy)).toHaveLength(1);
    let next = 20;
    await eventually(async () => {
      // A key of its own each time: what a process loaded while its store was away stays in its near tier.
      const path = content(next++);
      await service.get(path);
      expect((await service.get(path, { worker: 1 })).headers.get('x-cache')).toBe(store.tier);
    });
    expect((await service.ask('health/cache', 1)).body).toMatchObject({ details: { cache: { status: 'up' } } });
    const { body: metrics } = await service.ask('metrics', 1);
    expect(metrics).toMatch(
      new RegExp(`^tiered_cache_hits_total{cache="default",tier="${store.tier}",freshness="fresh",.*} [1-9]`, 'm'),
    );
  });
});

// Once is enough for both: the module's own start without a store is S4.
describe.each(process.env['ENDURANCE'] ? (['memcached', 'redis'] as const) : (['redis'] as const))(
  '%s is away when the service starts',
  (storeName) => {
    it('starts all the same, answers content requests, and locks nothing', async () => {
      const store = await startStore[storeName]();
      await store.server?.kill();
      const service = await RunningService.start({ env: store.env });
      try {
        const policy = await addPolicy(service.ledger);
        expect((await service.get(content(0))).status).toBe(200);
        expect((await service.redeem(policy, { lms_user_id: 7, content_key: courses49[0] })).status).toBe(503);
      } finally {
        await service.stop();
        await store.stop();
      }
    });
  },
);
