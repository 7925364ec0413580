import { setTimeout as delay } from 'node:timers/promises';
import { memcachedStore } from 'nestjs-tiered-cache/memcached';
import { redisStore } from 'nestjs-tiered-cache/redis';
import type { TieredCache } from 'nestjs-tiered-cache';
import { verify } from '../harness.js';
import type { Benchmark, Comparison } from '../harness.js';
import { memcachedCommands, redisCommands } from '../support/command-counts.js';
import type { CommandCount } from '../support/command-counts.js';
import { startMemcached, startRedis } from '../support/servers.js';
import { openCache, ours, patient } from '../support/subjects.js';

const fleetSizes = [1, 4, 16, 64];
const idleMs = 5_000;
const loadMs = 100;
const acts = ['idle for a second', 'a cold key', 'a delete'] as const;

type Counts = Readonly<Record<(typeof acts)[number], number>>;

const nameOfPicture = (store: string): string => `commands-by-processes-${store.toLowerCase()}`;

/** By what happens, how often the server is asked for it, by each process. */
export const benchmark: Benchmark = {
  name: 'growth-fleet',
  unit: 'commands/process',
  title: 'By processes of the fleet',
  work: 'commands that a server executes for each process: of an idle fleet in a second, of a cold key that every process wants at once, of a delete until every process has dropped its copy',
  meaning:
    'Whether a fleet can grow without its server. What each process asks for is the same in a large fleet as in a small one: a load of the server that grows with the fleet, and no faster.',
  aims: [],
  remark:
    'Counted by the server: how busy the machine is has next to no say in it. Each process of the fleet is a cache with connections, process tier and view of the feed of its own, all in one process of this bench. The load of the cold key takes 100 ms. Redis counts what a script does as commands of their own.',
  pictures: [
    {
      name: nameOfPicture('memcached'),
      title: 'memcached: commands of each process',
      across: 'processes',
      up: 'commands of each process',
      isLinear: true,
      meaning:
        'An idle process reads the feed once a second. Whoever waits for another’s load asks again at intervals.',
    },
    {
      name: nameOfPicture('Redis'),
      title: 'Redis: commands of each process',
      across: 'processes',
      up: 'commands of each process',
      isLinear: true,
      meaning: 'Whoever waits for another’s load is woken by it, and whoever holds a copy is woken by a delete.',
    },
  ],
  rounds: 1,
  async prepare(smoke) {
    const [memcached, redis] = [await startMemcached(), await startRedis()];
    const counters = [await memcachedCommands(memcached.port), await redisCommands(redis.address)] as const;
    const stores = [
      {
        name: 'memcached',
        counter: counters[0],
        open: () => openCache({ store: memcachedStore({ servers: memcached.address, ...patient }) }),
      },
      {
        name: 'Redis',
        counter: counters[1],
        open: () => openCache({ store: redisStore({ url: `redis://${redis.address}`, ...patient }) }),
      },
    ];
    const comparisons = stores.flatMap(({ name, counter, open }) => {
      const measured = new Map<number, Promise<Counts>>();
      const countsOf = (size: number): Promise<Counts> => {
        const counts = measured.get(size) ?? countsOfFleet(size, open, counter, smoke);
        measured.set(size, counts);
        return counts;
      };
      return acts.map((act): Comparison => {
        const subjects = (smoke ? [1, 2] : fleetSizes).map((size) => ({
          name: `${ours} on ${name}, ${act}, ${size === 1 ? 'one process' : `${size} processes`}`,
          point: { line: act, at: size },
          round: async () => (await countsOf(size))[act],
        }));
        return { variant: '', baseline: subjects[0]?.name ?? '', subjects, picture: nameOfPicture(name) };
      });
    });
    const close = async (): Promise<void> => {
      for (const counter of counters) counter.close();
      await memcached.stop();
      await redis.stop();
    };
    return { comparisons, close };
  },
};

/** Of a fleet that is alone on its server. */
async function countsOfFleet(
  size: number,
  open: () => Promise<TieredCache>,
  counter: CommandCount,
  smoke: boolean,
): Promise<Counts> {
  const fleet = await Promise.all(Array.from({ length: size }, open));
  const counted = async (act: () => Promise<unknown>): Promise<number> => {
    const before = await counter.count();
    await act();
    return ((await counter.count()) - before) / size;
  };
  const key = `content of ${size}`;
  let loads = 0;
  const load = async (): Promise<string> => {
    loads++;
    await delay(loadMs);
    return 'value';
  };
  const ms = smoke ? 1_000 : idleMs;
  await delay(1_500); // what a process asks when it starts is none of this
  const idle = (1_000 / ms) * (await counted(() => delay(ms)));
  const cold = await counted(() => Promise.all(fleet.map((cache) => cache.getOrSet(key, load, { ttl: '1h' }))));
  verify(loads === 1, `${loads} loads of one key`);
  for (const cache of fleet) while (cache.peek(key) === undefined) await cache.get(key);
  const deleted = await counted(async () => {
    await (fleet[0] as TieredCache).delete(key);
    while (fleet.some((cache) => cache.peek(key) !== undefined)) await delay(5);
  });
  await Promise.all(fleet.map((cache) => cache.close()));
  const [forIdle, forLoad, forDelete] = acts;
  return { [forIdle]: idle, [forLoad]: cold, [forDelete]: deleted };
}
