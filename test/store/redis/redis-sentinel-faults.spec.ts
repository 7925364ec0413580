import { expect, it } from '@jest/globals';
import { redisStoreWith } from '../../../src/store/redis/redis-store.js';
import { buildCache } from '../../support/build-cache.js';
import { eventually } from '../../support/eventually.js';
import { startReplica, startSentinels } from '../../support/redis-fleet.js';
import { startRedis } from '../../support/redis-process.js';
import { testedDriver } from './drivers.js';

const life = { ttl: 600_000 };
const keys = Array.from({ length: 20 }, (_, index) => `key:${index}`);

it('R7 Sentinels change the primary under load: writes say what arrived, reads miss and do not fail', async () => {
  const primary = await startRedis();
  const replica = await startReplica(primary.port);
  const sentinels = await startSentinels(primary);
  const options = { sentinels: sentinels.addresses, name: sentinels.name, commandTimeout: 500, connectTimeout: 500 };
  const openStore = async () => {
    const store = redisStoreWith(options, { driver: () => testedDriver('@redis/client 6') });
    await store.open();
    return store;
  };
  const [writing, reading] = [await openStore(), await openStore()];
  const writer = await buildCache({ store: writing, process: false, coherence: { interval: 50 } });
  const reader = await buildCache({ store: reading, process: false, coherence: { interval: 50 } });
  /** The last version of each key that was acknowledged; a version that was not may stand there or not. */
  const acknowledged = new Map<string, number>();
  const said = { true: 0, false: 0 };
  const violations: string[] = [];
  let isOver = false;
  let reads = 0;
  const write = async (): Promise<void> => {
    for (let version = 1; !isOver; version++) {
      for (const key of keys) {
        const isAcknowledged = await writer.set(key, version, life);
        said[`${isAcknowledged}`]++;
        if (isAcknowledged) acknowledged.set(key, version);
      }
    }
  };
  const read = async (): Promise<void> => {
    for (; !isOver; reads++) {
      const key = keys[reads % keys.length] as string;
      const least = acknowledged.get(key) ?? 0;
      const value = await reader.get<number>(key);
      if (value !== undefined && value < least) violations.push(`${key}: ${value} after ${least} was acknowledged`);
    }
  };
  const load = Promise.all([write(), read()]);
  try {
    await eventually(() => expect(said.true).toBeGreaterThan(100));
    await sentinels.watchClosely(400);
    await primary.kill();
    await eventually(() => expect(said.false).toBeGreaterThan(0));
    const before = said.true;
    await eventually(() => expect(said.true).toBeGreaterThan(before + 100));
  } finally {
    isOver = true;
    // No call of either rejects, whatever happened.
    await load;
  }
  expect(violations).toEqual([]);
  expect(reads).toBeGreaterThan(100);
  // What was acknowledged by the new primary stands there.
  for (const [key, version] of acknowledged) {
    await eventually(async () => expect(await writer.set(key, version + 1, life)).toBe(true));
    await eventually(async () => expect(await reader.get(key)).toBe(version + 1));
  }
  expect((await replica.info('replication'))['role']).toBe('master');
  await Promise.all([writer.close(), reader.close()]);
  await Promise.all([writing.close(), reading.close(), sentinels.stop(), replica.stop(), primary.stop()]);
});
