import type { Benchmark } from '../harness.js';
import { startRedis } from '../support/servers.js';
import { ours } from '../support/subjects.js';
import { prepareStampede } from './stampede.js';

export const benchmark: Benchmark = {
  name: 'redis-stampede',
  unit: 'loads, then ms',
  work: '4 processes × 250 callers on Redis, cold key, 100 ms loader',
  target: '1 load; p99 ≤ 120 ms',
  remark: 'Whoever waits for another process is woken by its fill, and asks again at no interval.',
  rounds: 5,
  prepare: (smoke) => prepareStampede(smoke, startRedis, [`${ours} on Redis`, 'bentocache on Redis']),
};
