import type { MemcachedProcess } from './memcached-process.js';

const each = 500;

/**
 * Until a server that was started with `-M` has no room for an item of any of these sizes. Its classes of sizes fill up one by one: name the sizes that
 * a test is about.
 *
 * @returns how to take it all away again.
 */
export async function fillMemcached(server: MemcachedProcess, sizes: readonly number[]): Promise<() => Promise<void>> {
  const keys: string[] = [];
  for (const bytes of sizes) {
    for (let isFull = false; !isFull;) {
      if (keys.length > 500_000) throw new Error('the server was never full');
      const some = Array.from({ length: each }, (_, index) => `f${keys.length + index}`);
      keys.push(...some);
      const writes = some.map((key) => `ms ${key} ${bytes} q\r\n${'x'.repeat(bytes)}`);
      isFull = (await server.command(writes.join('\r\n'))).includes('out of memory');
    }
  }
  return async () => {
    for (let at = 0; at < keys.length; at += each) {
      await server.command(
        keys
          .slice(at, at + each)
          .map((key) => `md ${key} q`)
          .join('\r\n'),
      );
    }
  };
}

/** Every 16 bytes up to the size of a lock and its counter, so that no class of theirs has room. */
export const sizesOfLocks = Array.from({ length: 13 }, (_, index) => 8 + 16 * index);
