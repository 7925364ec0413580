import { afterEach, describe, expect, it } from '@jest/globals';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import { FileFeed, fileName } from '../../src/file/file-feed.js';
import { resolveFilesOptions } from '../../src/file/tiered-files-options.js';
import type { TieredFilesOptions } from '../../src/file/tiered-files-options.js';
import { versionedKey } from '../../src/key/key.js';
import type { KeyLike } from '../../src/key/key.js';
import { memoryObjectStore } from '../../src/object/memory-object-store.js';
import { buildCache } from '../support/build-cache.js';

let cache: TieredCache;
let feed: FileFeed;
afterEach(async () => {
  feed.close();
  await cache.close();
});

/** Which of these a file cache takes for purges, once they are deleted. */
async function purgesAmong(
  keys: readonly KeyLike[],
  { keySecret, ...options }: Partial<TieredFilesOptions> & { readonly keySecret?: string } = {},
): Promise<KeyLike[]> {
  cache = await buildCache({ name: 'here', ...(keySecret && { keySecret }) });
  const { keyPrefix } = resolveFilesOptions({
    objects: memoryObjectStore(),
    directory: '/nowhere',
    maxBytes: '1mib',
    ...options,
  });
  const named = new Set<string>();
  feed = new FileFeed(cache, keyPrefix, { named: (name) => void named.add(name), missed: () => undefined });
  for (const key of keys) await cache.delete(key);
  return keys.filter((key) => named.has(fileName(key, cache)));
}

const file = versionedKey('s3_files', 'f1');
const longFile = versionedKey('s3_files', 'x'.repeat(300));
const others = ['page', versionedKey('s3_filesystem', 'f1'), versionedKey('pages', 's3_files', 'f1')];

describe('The feed of purges', () => {
  it('takes no other key’s invalidation for a purge', async () => {
    expect(await purgesAmong([...others, file, longFile])).toEqual([file, longFile]);
  });

  it('takes each for one where the keys of files are of the application’s making', async () => {
    const keys = [...others, file];
    expect(await purgesAmong(keys, { keyOf: (uid) => uid })).toEqual(keys);
  });

  it('takes each for one where names are hidden', async () => {
    const keys = [...others, file];
    expect(await purgesAmong(keys, { keySecret: 'a secret of 32 bytes, or of more' })).toEqual(keys);
  });
});
