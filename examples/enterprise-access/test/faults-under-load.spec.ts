import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startMemcached } from '../../../test/support/memcached-process.js';
import type { MemcachedProcess } from '../../../test/support/memcached-process.js';
import { eventually } from '../../../test/support/eventually.js';
import { expectInQuiet } from '../../../test/support/in-quiet.js';
import { seededRandom } from '../../../test/support/seeded-random.js';
import { startTcpProxy } from '../../../test/support/tcp-proxy.js';
import type { TcpProxy } from '../../../test/support/tcp-proxy.js';
import { northwind } from '../src/seed/customers.js';
import { Catalog } from '../src/upstream/catalog/catalog.js';
import { readCourses } from '../src/upstream/catalog/course-data.js';
import { request } from './support/example-process.js';
import { RunningService } from './support/running-service.js';

const endurance = process.env['ENDURANCE'] === '1';
/** How long a lease stands that nobody renews. */
const leaseMs = 3_000;
const perSecond = 200;
const rounds = endurance ? 20 : 1;
const mostUnderWay = endurance ? Infinity : perSecond;
/** A command of memcached, or connecting to it. */
const deadlineMs = 250;
const loaderMs = 5;

/** Courses that the customer has. */
const keys = ((): string[] => {
  const courses = readCourses();
  const catalog = new Catalog(courses);
  const held = courses.filter(({ key }) => catalog.contentOfCustomer(northwind.uuid, key, false) !== undefined);
  return held.slice(0, 100).map(({ key }) => key);
})();

function quantile(of: number[], share: number): number {
  const sorted = [...of].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] as number;
}

describe(`two workers under ${perSecond} requests per second`, () => {
  let memcached: MemcachedProcess;
  let proxy: TcpProxy;
  let service: RunningService;
  beforeAll(async () => {
    memcached = await startMemcached();
    proxy = await startTcpProxy(memcached.port);
    // Content lives for a second, so that half of the requests need the store.
    const env = { MEMCACHED_SERVERS: proxy.address, CONTENT_METADATA_CACHE_TIMEOUT: '1' };
    service = await RunningService.start({ workers: 2, env });
  });
  afterAll(async () => {
    expect(await service.stop()).toEqual(['SIGTERM', 'SIGTERM']);
    await proxy.close();
    await memcached.stop();
  });

  const content = (key: string): string =>
    `content-metadata/${encodeURIComponent(key)}/?enterprise_customer_uuid=${northwind.uuid}`;

  it(
    'S1 fail none of them, and answer none with another course, while memcached is killed, stopped, restarted or talks nonsense',
    async () => {
      const random = seededRandom(11);
      const failed: string[] = [];
      const durationsMs: number[] = [];
      /** Of requests that need no cache, sent between the others: what this machine and the way to the service cost at the time. */
      const idleMs: number[] = [];
      const ask = async (key: string, worker: number): Promise<void> => {
        const began = performance.now();
        try {
          const { status, body } = await service.get(content(key), { worker });
          if (status !== 200 || (body as { key?: string }).key !== key) failed.push(`${key}: ${status}`);
        } catch (error) {
          failed.push(`${key}: ${String(error)}`);
        }
        durationsMs.push(performance.now() - began);
      };
      const askNothing = async (worker: number): Promise<void> => {
        const began = performance.now();
        await request('GET', `${service.worker(worker).address}/health`);
        idleMs.push(performance.now() - began);
      };
      const underWay = new Set<Promise<void>>();
      let [sent, asked] = [0, 0];
      const startedAt = performance.now();
      const send = (): void => {
        for (const due = ((performance.now() - startedAt) * perSecond) / 1_000; sent < due; sent++) {
          // A machine that does other work answers fewer: the others are left out, not sent later.
          if (underWay.size >= mostUnderWay) continue;
          asked++;
          const one = sent % 5 === 0 ? askNothing((sent / 5) % 2) : ask(random.pick(keys), sent % 2);
          underWay.add(one);
          void one.then(() => underWay.delete(one));
        }
      };
      const timer = setInterval(send, 10);
      try {
        await pause(500);
        for (let round = 0; round < rounds; round++) {
          await memcached.kill();
          await pause(600);
          await memcached.start();
          await pause(500);
          memcached.pause();
          await pause(600);
          memcached.resume();
          await pause(500);
          await memcached.restart();
          await pause(400);
          for (const nonsense of ['nonsense\r\n', 'VA 5 c1 O1\r\nwrong\r\n', 'END\r\n', '\0\xff\0']) {
            proxy.replaceNextReply(Buffer.from(nonsense, 'latin1'));
            await pause(150);
          }
        }
      } finally {
        clearInterval(timer);
        memcached.resume();
      }
      await Promise.all(underWay);
      const [p50, p95, p99, slowest] = [0.5, 0.95, 0.99, 1].map((share) => quantile(durationsMs, share)) as [
        number,
        number,
        number,
        number,
      ];
      const idleP99 = quantile(idleMs, 0.99);
      console.log(
        `S1 over HTTP: ${asked} of ${sent} requests, ${failed.length} failed, p50 ${p50.toFixed(1)} ms, ` +
          `p95 ${p95.toFixed(0)} ms, p99 ${p99.toFixed(0)} ms, slowest ${slowest.toFixed(0)} ms; p99 of requests that need no cache ${idleP99.toFixed(0)} ms`,
      );
      expect(failed).toEqual([]);
      expect(asked).toBeGreaterThan(rounds * 200);
      const usualMs = deadlineMs + loaderMs + 50 + 2 * idleP99;
      expectInQuiet(p95, usualMs);
      // A worker whose fill was cut off leaves its lease behind: the other one waits for that to end before it loads.
      expectInQuiet(p99, usualMs + leaseMs);
    },
    120_000 + rounds * 10_000,
  );

  it('S1 use memcached again by themselves, and have thrown nothing outside of a handler', async () => {
    let next = 0;
    await eventually(
      async () => {
        const key = keys[next++ % keys.length] as string;
        await service.get(content(key));
        expect((await service.get(content(key), { worker: 1 })).headers.get('x-cache')).toBe('memcached');
      },
      { everyMs: 50 },
    );
    const said = [0, 1].flatMap((worker) => service.worker(worker).lines);
    expect(said.filter((line) => /unhandled|uncaught|^\s+at /i.test(line))).toEqual([]);
  });
});
