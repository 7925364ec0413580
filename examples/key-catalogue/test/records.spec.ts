import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { redisRecords } from 'nestjs-tiered-cache/redis';
import type { RedisRecords } from 'nestjs-tiered-cache/redis';
import { startRedis } from '../../../test/support/redis-process.js';
import type { RedisProcess } from '../../../test/support/redis-process.js';
import {
  accountKeys,
  dataCap,
  fileMetadata,
  fileSize,
  ownedFiles,
  publicKeyOfCustomer,
  publicKeyOfUsername,
  stripeUserInfo,
  usernameOf,
} from '../../file-service/src/accounts/accounts.keys.js';
import { records as catalogue, recordsAsMarkdown } from '../src/records.js';
import { patience } from '../../../test/support/patience.js';

const publicKey = 'A0b+/c=';

describe('the records of a file service', () => {
  let server: RedisProcess;
  let records: RedisRecords;
  beforeAll(async () => {
    server = await startRedis();
    records = redisRecords({
      connection: { url: server.url, ...patience },
      keys: accountKeys,
    });
  });
  afterAll(async () => {
    await records.close();
    await server.stop();
  });

  it('each say what they hold and who answers for them', () => {
    expect(catalogue.size).toBe(8);
    const silent = catalogue.toJSON().filter(({ holds, owner }) => holds === null || owner === null);
    expect(silent.map(({ pattern }) => pattern)).toEqual([]);
  });

  it('are those of the committed list', async () => {
    expect(await readFile(new URL('../RECORDS.md', import.meta.url), 'utf8')).toBe(recordsAsMarkdown());
  });

  it('stand under the keys of the old documentation', async () => {
    await records.transaction((tx) => {
      tx.set(publicKeyOfUsername({ username: 'ada' }), publicKey);
      tx.set(usernameOf({ publicKey }), 'ada');
      tx.set(ownedFiles({ publicKey }), ['f1']);
      tx.set(dataCap({ publicKey }), 1_000_000);
      tx.set(fileMetadata({ id: 'f1' }), { id: 'f1', name: 'root', owner: publicKey, document: 'd1' });
      tx.set(fileSize({ id: 'f1' }), { file_id: 'f1', size_bytes: 12 });
      tx.set(stripeUserInfo({ publicKey }), { customer_id: 'cus_1', price_id: 'price_1', last_four: '4242' });
      tx.set(publicKeyOfCustomer({ customerId: 'cus_1' }), publicKey);
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
