import { readFileSync } from 'node:fs';
import { afterEach, expect, it } from '@jest/globals';
import { redisStoreWith } from '../../../src/store/redis/redis-store.js';
import type { Store } from '../../../src/store/store.js';
import { buildCache } from '../../support/build-cache.js';
import { eventually } from '../../support/eventually.js';
import { startRedis } from '../../support/redis-process.js';
import { testedDriver } from './drivers.js';
import { patience } from '../../support/patience.js';
import { runCommand } from '../../../src/cli/run-command.js';

const endings: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

const documented = /^ACL SETUSER (.*)$/m.exec(readFileSync('docs/redis.md', 'utf8'))?.[1] ?? '';

it.each(['built-in', '@redis/client 6', 'ioredis 6'] as const)(
  'A user with the documented rights suffices, through %s',
  async (driver) => {
    const server = await startRedis();
    endings.push(() => server.stop());
    await server.command('ACL', 'SETUSER', ...documented.replace('PASSWORD', 's3cret').split(' '));
    const url = `redis://cache:s3cret@${server.address}/1`;
    const stores: Store[] = [];
    const open = async (): ReturnType<typeof buildCache> => {
      const store = redisStoreWith({ url, ...patience }, { driver: () => testedDriver(driver) });
      stores.push(store);
      const cache = await buildCache({ namespace: 'shop', store, coherence: { interval: 60_000 } });
      endings.push(() => cache.close());
      return cache;
    };
    const [here, there] = [await open(), await open()];
    const load = async (): Promise<string> => 'loaded';
    expect(await here.getOrSet('k', load, { tags: ['t'] })).toBe('loaded');
    await eventually(async () => expect(await there.get('k')).toBe('loaded'));
    await here.set('k', 'set');
    // Long before the interval: the wake-up arrives.
    await eventually(async () => expect(await there.get('k')).toBe('set'));
    await here.delete('k');
    await eventually(async () => expect(await there.get('k')).toBeUndefined());
    await here.set('listed', 'value');
    const listed: string[] = [];
    for await (const key of stores[0]?.shards[0].keys?.('shop') ?? []) listed.push(key);
    expect(listed).toContain(here.storeKey('listed'));
    expect(await here.status()).toMatchObject({ shards: [{ answers: true }] });
    expect(await stats('--redis', url, '--namespace', 'shop')).toMatchObject({ code: 0, err: '' });
    expect(await server.text('ACL', 'LOG')).toBe('');
  },
);

it('A user who may not run scripts is told of by the status, as no look-up is answered', async () => {
  const server = await startRedis();
  endings.push(() => server.stop());
  const rights = documented.replace('PASSWORD', 's3cret').replace(/ \+eval\S*/g, '');
  await server.command('ACL', 'SETUSER', ...rights.split(' '));
  const store = redisStoreWith({ url: `redis://cache:s3cret@${server.address}`, ...patience });
  const cache = await buildCache({ namespace: 'shop', store });
  endings.push(() => cache.close());
  expect(await cache.status()).toMatchObject({ shards: [{ answers: false, reason: expect.stringMatching(/NOPERM/) }] });
});

it('`tiered-cache stats` says why a part does not answer', async () => {
  const server = await startRedis();
  endings.push(() => server.stop());
  await server.command('ACL', 'SETUSER', ...documented.replace('PASSWORD', 's3cret').split(' '));
  const url = `redis://cache:s3cret@${server.address}`;
  const { code, err } = await stats('--redis', url, '--namespace', 'other');
  expect({ code, err }).toEqual({ code: 1, err: expect.stringMatching(/^redis .*NOPERM/) });
});

async function stats(...options: string[]): Promise<{ code: number; err: string }> {
  let err = '';
  const code = await runCommand(['stats', ...options], { out: () => {}, err: (text) => void (err += text) });
  return { code, err };
}
