import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { redisRecords } from 'nestjs-tiered-cache/redis';
import type { RedisRecords } from 'nestjs-tiered-cache/redis';
import { startRedis } from '../../../test/support/redis-process.js';
import type { RedisProcess } from '../../../test/support/redis-process.js';
import {
  dataCap,
  fileMetadata,
  fileSize,
  ownedFiles,
  publicKeyOf,
  recordClasses,
  records as catalogue,
  stripeCustomer,
  stripeUserInfo,
  usernameOf,
} from '../src/records.keys.js';
import { patience } from '../../../test/support/patience.js';

const publicKey = 'A0b+/c=';

describe('the records of a file service', () => {
  let server: RedisProcess;
  let records: RedisRecords;
  beforeAll(async () => {
    server = await startRedis();
    records = redisRecords({
      connection: { url: server.url, ...patience },
      keys: recordClasses,
    });
  });
  afterAll(async () => {
    await records.close();
    await server.stop();
  });

  it('each say what they hold', () => {
    expect(catalogue.size).toBe(8);
    for (const { holds } of catalogue.toJSON()) expect(holds).not.toBeNull();
  });

  it('stand under the keys of the old documentation', async () => {
    await records.transaction((tx) => {
      tx.set(publicKeyOf({ username: 'ada' }), publicKey);
      tx.set(usernameOf({ publicKey }), 'ada');
      tx.set(ownedFiles({ publicKey }), ['f1']);
      tx.set(dataCap({ publicKey }), 1_000_000);
      tx.set(fileMetadata({ id: 'f1' }), { owner: publicKey, name: 'root', version: 1 });
      tx.set(fileSize({ id: 'f1' }), { file_id: 'f1', size_bytes: 12 });
      tx.set(stripeUserInfo({ publicKey }), { customer_id: 'cus_1', subscribed: true });
      tx.set(stripeCustomer({ customerId: 'cus_1' }), publicKey);
    });
    const keys = ((await server.command('KEYS', '*')) as Buffer[]).map(String).sort();
    expect(keys).toEqual([
      'file_id:f1:metadata',
      'file_id:f1:size',
      `public_key:${publicKey}:data_cap`,
      `public_key:${publicKey}:owned_files`,
      `public_key:${publicKey}:stripe_user_info`,
      `public_key:${publicKey}:username`,
      'stripe_customer_id:cus_1:public_key',
      'username:ada:public_key',
    ]);
    expect(await server.text('GET', 'file_id:f1:size')).toBe('{"file_id":"f1","size_bytes":12}');
  });
});
