import { AsyncLocalStorage } from 'node:async_hooks';
import { RequestScope } from 'nestjs-tiered-cache';
import { counted, timed, untilSteadyMs } from '../harness.js';
import type { Benchmark } from '../harness.js';
import { document, hotKeys, neverLoads, openCache, ours } from '../support/subjects.js';

const fullCount = 200_000;

export const benchmark: Benchmark = {
  name: 'request-hit',
  unit: 'ns/op',
  title: 'A hit of the request tier',
  work: 'getOrSet answered by the request tier, in a scope',
  meaning: 'What a second look-up of the same key costs within a request, in which an answer does not change.',
  aims: [{ of: '', atMost: 2 }],
  limit: 'Map in AsyncLocalStorage',
  remark: 'The limit finds the scope and looks into a Map: what a hand-written cache of a request does.',
  rounds: 9,
  warmUpMs: untilSteadyMs,
  async prepare(smoke) {
    const count = counted(fullCount, smoke);
    const scope = new RequestScope();
    const cache = await openCache({ scope });
    for (const [index, key] of hotKeys.entries()) await cache.set(key, document(200, index), { ttl: '1h' });
    const local = new AsyncLocalStorage<Map<string, object>>();
    const held = new Map<string, object>(hotKeys.map((key, index) => [key, document(200, index)]));
    // What awaits a plain value, as callers of a hand-written cache do.
    const get = (key: string): object | Promise<object> => local.getStore()?.get(key) ?? neverLoads();
    const subjects = [
      {
        name: 'Map in AsyncLocalStorage',
        round: () =>
          local.run(held, () =>
            timed(count, async () => {
              for (let index = 0; index < count; index++) await get(hotKeys[index % 1_000] as string);
            }),
          ),
      },
      {
        name: ours,
        round: () =>
          scope.run(async () => {
            for (const key of hotKeys) await cache.getOrSet(key, neverLoads);
            return timed(count, async () => {
              for (let index = 0; index < count; index++)
                await cache.getOrSet(hotKeys[index % 1_000] as string, neverLoads);
            });
          }),
      },
    ];
    return {
      comparisons: [{ variant: '', baseline: 'Map in AsyncLocalStorage', subjects }],
      close: () => cache.close(),
    };
  },
};
