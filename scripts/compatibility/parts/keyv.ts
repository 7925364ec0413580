// A Keyv above the tiers, and a Keyv as the store below them.
import assert from 'node:assert/strict';
import Keyv from 'keyv';
import { TieredCache } from 'nestjs-tiered-cache';
import { keyvStorage, keyvStore } from 'nestjs-tiered-cache/keyv';
import { inMemory, withApplication } from '../application.js';

export async function keyv(): Promise<void> {
  const below = new Keyv();
  await withApplication({ imports: [inMemory({ stores: keyvStore(below) })] }, async (_ask, app) => {
    const cache = app.get(TieredCache);
    let loads = 0;
    const load = () => ({ load: ++loads });
    assert.deepEqual(await cache.getOrSet('a', load, { ttl: '1m' }), { load: 1 });
    const { storeKey, tiers } = await cache.explain('a');
    assert.deepEqual(
      tiers.map(({ tier, hit }) => [tier, hit]),
      [
        ['process', true],
        ['keyv', true],
      ],
    );
    assert.equal(typeof (await below.get(storeKey)), 'string');

    const above = new Keyv({ store: keyvStorage(cache), namespace: 'sessions', ttl: 60_000 });
    await above.set('ann', { user: 1 });
    assert.deepEqual(await above.get('ann'), { user: 1 });
    assert.deepEqual([await above.has('ann'), await above.has('bob')], [true, false]);
    assert.equal(await above.delete('ann'), true);
    await above.set('cid', 3);
    await above.clear();
    assert.equal(await above.get('cid'), undefined);
    assert.deepEqual(await cache.get('a'), { load: 1 });
  });
}
