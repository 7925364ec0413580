import type { Benchmark } from '../harness.js';
import { startRedis } from '../support/servers.js';
import { ours } from '../support/subjects.js';
import { prepareStampede } from './stampede.js';

export const benchmark: Benchmark = {
  name: 'redis-stampede',
  unit: 'loads, then ms',
  title: 'A stampede on Redis',
  work: '4 processes × 250 callers on Redis, cold key, 100 ms loader',
  meaning: 'The same on Redis, where whoever waits for another process is woken by its fill.',
  aims: [
    { of: 'on Redis loads', figure: 'median', unit: 'load', atMost: 1 },
    { of: 'on Redis p99 ms', figure: 'median', unit: 'ms', atMost: 120 },
  ],
  remark: 'The loader takes 100 ms: nobody can have the value earlier.',
  rounds: 5,
  prepare: (smoke) => prepareStampede(smoke, startRedis, [`${ours} on Redis`, 'bentocache on Redis']),
};
