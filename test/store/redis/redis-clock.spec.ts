import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { PassThrough } from 'node:stream';
import { defineKey } from '../../../src/catalogue/define-key.js';
import { redisBackupWith } from '../../../src/backup/redis-backup.js';
import { redisDocuments } from '../../../src/document/redis-documents.js';
import { memoryObjectStore } from '../../../src/object/memory-object-store.js';
import { redisRecordsWith } from '../../../src/record/redis-records.js';
import { redisStoreWith } from '../../../src/store/redis/redis-store.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';
import { eventually } from '../../support/eventually.js';
import { startRedis } from '../../support/redis-process.js';
import type { RedisProcess } from '../../support/redis-process.js';

/** Far longer than a test may take: only a clock that is moved gets there. */
const hour = 3_600_000;

describe('The time of a server that says nothing is that of the injected clock', () => {
  let server: RedisProcess;
  let clock: FakeClock;
  const endings: (() => Promise<void>)[] = [];
  beforeAll(async () => void (server = await startRedis()));
  afterAll(() => server.stop());
  afterEach(async () => {
    server.resume();
    for (const end of endings.splice(0)) await end();
  });

  /** What `ask` comes to, hours later. */
  async function hoursLater(ask: () => Promise<unknown>): Promise<unknown> {
    server.pause();
    let told: unknown;
    ask().catch((error: unknown) => (told = error));
    return eventually(
      async () => {
        await clock.advance(hour);
        return told ?? Promise.reject(new Error('nothing was told'));
      },
      { withinMs: 20_000 },
    );
  }
  const options = (): { url: string; commandTimeout: number; connectTimeout: number } => {
    clock = new FakeClock();
    return { url: server.url, commandTimeout: hour, connectTimeout: hour };
  };
  const unavailable = { code: 'STORE_UNAVAILABLE' };

  it('for a store', async () => {
    const store = redisStoreWith(options(), { clock });
    endings.push(() => store.close());
    await store.open();
    const [shard] = store.shards;
    expect(await shard.readMany(['k'])).toEqual([undefined]);
    expect(await hoursLater(() => shard.readMany(['k']))).toMatchObject(unavailable);
  });

  it('for records', async () => {
    const key = defineKey('record:{id}', {});
    const records = redisRecordsWith({ connection: options(), keys: [key] }, { clock });
    endings.push(() => records.close());
    await records.open();
    expect(await hoursLater(() => records.get(key({ id: '1' })))).toMatchObject(unavailable);
  });

  it('for backups', async () => {
    const backup = redisBackupWith({ connection: options() }, { clock });
    endings.push(() => backup.close());
    await backup.take(new PassThrough().resume());
    expect(await hoursLater(() => backup.take(new PassThrough().resume()))).toMatchObject(unavailable);
  });

  it('is as long as usual there where a deadline is given as undefined', async () => {
    const unset = undefined as never;
    const { url } = options();
    const connection = { url, commandTimeout: unset, connectTimeout: unset };
    const backup = redisBackupWith({ connection }, { clock });
    const objects = memoryObjectStore({ clock });
    const documents = redisDocuments({ connection, objects, clock, sweepEvery: Infinity, onWarning: () => {} });
    endings.push(
      () => backup.close(),
      () => documents.close(),
    );
    await backup.take(new PassThrough().resume());
    expect(await documents.get('a')).toBeUndefined();
    expect(String(await hoursLater(() => documents.get('a')))).toContain('within 5000 ms');
    server.resume();
    await backup.take(new PassThrough().resume());
    expect(String(await hoursLater(() => backup.take(new PassThrough().resume())))).toContain('within 30000 ms');
  });
});
