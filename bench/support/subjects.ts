import { memoryStore, TieredCache } from 'nestjs-tiered-cache';
import type { CacheConfiguration } from 'nestjs-tiered-cache';

export const ours = 'nestjs-tiered-cache';

/** A cache of ours, opened, with everything on and nobody listening. */
export async function openCache(options: Partial<CacheConfiguration> = {}): Promise<TieredCache> {
  const cache = new TieredCache({
    name: 'bench',
    namespace: 'bench',
    packageVersion: '1.0.0',
    store: memoryStore(),
    process: { maxEntries: 200_000, maxBytes: 2 ** 30 },
    ...options,
  });
  await cache.open();
  return cache;
}

/**
 * Deadlines of stores. A machine that is busy may not let a process answer for longer than a service would wait; here that would only spoil
 * a round.
 */
export const patient = { connectTimeout: 10_000, commandTimeout: 10_000 };

/** A JSON object whose text is about this long. */
export function document(bytes: number, id = 0): { id: number; title: string; body: string; tags: string[] } {
  const base = { id, title: `course ${id}`, body: '', tags: ['a', 'b', 'c'] };
  return { ...base, body: 'x'.repeat(Math.max(0, bytes - JSON.stringify(base).length)) };
}

export const hotKeys = Array.from({ length: 1_000 }, (_, index) => `content:${index}`);

export function neverLoads(): never {
  throw new Error('a hot key was loaded');
}
