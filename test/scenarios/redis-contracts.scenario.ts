import { afterAll, beforeAll, describe } from '@jest/globals';
import { contractsThrough } from '../store/redis/contracts-through.js';
import { driverNames } from '../store/redis/drivers.js';
import { startRedisCluster } from '../support/redis-fleet.js';
import type { RedisClusterProcesses } from '../support/redis-fleet.js';
import { startRedis } from '../support/redis-process.js';
import type { RedisProcess } from '../support/redis-process.js';

describe('Alone', () => {
  let server: RedisProcess;
  beforeAll(async () => void (server = await startRedis()));
  afterAll(() => server.stop());
  for (const driver of ['@redis/client 6', '@redis/client 5', 'ioredis 5'] as const)
    contractsThrough(driver, 'redis', () => ({ url: server.url }));
});

describe('As a Cluster of three', () => {
  let cluster: RedisClusterProcesses;
  beforeAll(async () => void (cluster = await startRedisCluster()));
  afterAll(() => cluster.stop());
  const where = () => ({ cluster: cluster.nodes.map(({ address }) => address) });
  for (const driver of driverNames) contractsThrough(driver, 'redis, a Cluster', where);
});
