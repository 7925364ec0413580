// A real server: the value is found by a cache that never loaded it, an invalidation goes before a late fill, and a lock is held once.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { CacheLock, TieredCache } from 'nestjs-tiered-cache';
import { memcachedStore } from 'nestjs-tiered-cache/memcached';
import { inMemory, withApplication } from '../application.js';

export async function memcached(): Promise<void> {
  const servers = process.env['SMOKE_MEMCACHED'] ?? '';
  const namespace = randomUUID();
  const metadata = () => ({ imports: [inMemory({ stores: memcachedStore({ servers }), namespace })] });
  await withApplication(metadata(), (_ask, one) =>
    withApplication(metadata(), async (_askOther, other) => {
      const [here, there] = [one.get(TieredCache), other.get(TieredCache)];
      assert.deepEqual(await here.getOrSet('a', () => ({ load: 1 })), { load: 1 });
      const found = await there.lookup('a');
      assert.deepEqual(found.hit && [found.tier, found.value], ['memcached', { load: 1 }]);

      const late = here.getOrSet('row', async () => {
        await there.delete('row');
        return 'old row';
      });
      assert.equal(await late, 'old row');
      assert.equal((await there.lookup('row')).hit, false);

      const held = await one.get(CacheLock).acquire('stock');
      assert.equal((await other.get(CacheLock).acquire('stock')).status, 'held');
      assert.equal(held.status === 'acquired' && (await held.lease.release()), 'released');
    }),
  );
}
