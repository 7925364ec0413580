import { Keyv } from 'keyv';
import { describe, expect, it } from '@jest/globals';
import { keyvStore } from '../../src/adapter/keyv-store.js';
import { memoryStore } from '../../src/store/memory-store.js';
import { cacheModule, start } from '../support/nest-application.js';

describe('The end of an application', () => {
  it('closes the store of the locks also where that of the cache can’t be closed', async () => {
    const keyv = new Keyv();
    keyv.disconnect = () => Promise.reject(new Error('The connection is gone already.'));
    const ofLocks = memoryStore();
    const app = await start({ imports: [cacheModule({ stores: keyvStore(keyv), lock: { store: ofLocks } })] });
    app.useLogger(false);
    const shard = ofLocks.shardOf('a');
    await shard.readMany(['a']);
    await app.close().catch(() => undefined); // Nest 11 rejects, Nest 12 logs it
    await expect(shard.readMany(['a'])).rejects.toThrow('it was closed');
  });
});
