import { createRequire } from 'node:module';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import type * as lmdbModule from 'lmdb';
import { diskStore } from '../../src/store/disk/disk-store.js';
import { diskDirectory } from '../support/disk-directory.js';

it('works where the application has loaded lmdb as CommonJS before', async () => {
  const { path, remove } = diskDirectory();
  const theirs = createRequire(import.meta.url)('lmdb') as typeof lmdbModule;
  const database = theirs.open({ path: join(path, 'application'), noSync: true });
  const store = diskStore({ directory: path });
  try {
    await database.put('order', 'theirs');
    await store.open();
    const [shard] = store.shards;
    await shard?.write('a', Buffer.from('1'), { lifeMs: 60_000 });
    const [item] = (await shard?.readMany(['a'])) ?? [];
    expect(item?.bytes.toString()).toBe('1');
    // A conditional write asks for the state that was read: the module whose `open` was called knows it.
    expect(await shard?.write('a', Buffer.from('2'), { lifeMs: 60_000, only: item!.revision })).toMatchObject({
      status: 'stored',
    });
    expect(await shard?.remove('a')).toBe('removed');
    expect(database.get('order')).toBe('theirs');
  } finally {
    await store.close();
    await database.close();
    remove();
  }
});
