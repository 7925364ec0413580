import { TieredCache } from '../../../src/cache/tiered-cache.js';
import { RequestScope } from '../../../src/near/request-scope.js';
import { memoryStore } from '../../../src/store/memory-store.js';

/** A script that waits for loads which hang on nothing, or leaves them. It prints what became of them, and ends by itself. */
const [what] = process.argv.slice(2);
const scope = new RequestScope();
const cache = new TieredCache({ name: 'c', namespace: 'n', packageVersion: '1', store: memoryStore(), scope });
const hangs = (): Promise<never> => new Promise(() => {});
const limit = { maxLoad: 300 } as const;
const long = { maxLoad: '10m' } as const;
const tell = (asked: Promise<unknown>): Promise<void> =>
  asked.then(
    (value) => console.log(value),
    (error: Error) => console.log(error.name),
  );

if (what === 'one') await tell(cache.getOrSet('k', hangs, limit));
if (what === 'many') await tell(cache.getOrSetMany(['a', 'b'], hangs, limit));
if (what === 'many, with a signal')
  await tell(cache.getOrSetMany(['a', 'b'], hangs, { ...limit, signal: new AbortController().signal }));
if (what === 'nested') await tell(cache.getOrSet('k', () => cache.getOrSet('inner', hangs, limit), limit));
if (what === 'stale') {
  const stale = { ttl: 1, staleFor: '1h', ...limit } as const;
  await cache.set('k', 'stale', stale);
  await new Promise((resolve) => setTimeout(resolve, 5));
  await tell(cache.getOrSet('k', hangs, { ...stale, timeout: { soft: '10m', hard: '10m' } }));
}
if (what === 'left') {
  const stale = { ttl: 1, staleFor: '1h', ...long } as const;
  await cache.set('k', 'stale', stale);
  await cache.set('l', 'stale', stale);
  await new Promise((resolve) => setTimeout(resolve, 5));
  await tell(cache.getOrSet('k', hangs, stale));
  await tell(cache.getOrSet('l', () => cache.getOrSet('inner', hangs, long), stale));
  await tell(cache.getOrSet('late', hangs, { ...long, timeout: { hard: 20 } }));
  await tell(cache.getOrSetMany(['late1', 'late2'], hangs, { ...long, timeout: { hard: 20 } }));
  const controller = new AbortController();
  setTimeout(() => controller.abort(), 20);
  await tell(cache.getOrSet('aborted', hangs, { ...long, signal: controller.signal }));
}
