// A real server, through each driver: a record is written in a transaction, and found literally by another process's connection.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { defineKey, json } from 'nestjs-tiered-cache';
import { redisRecords } from 'nestjs-tiered-cache/redis';

const ownedFiles = defineKey('public_key:{publicKey}:owned_files', { codec: json<string[]>() });

export async function redis(): Promise<void> {
  for (const driver of ['built-in', 'redis', 'ioredis'] as const) {
    // Not about deadlines: a busy machine may need longer than half a second.
    const patience = { connectTimeout: 10_000, commandTimeout: 10_000 };
    const connection = { url: process.env['SMOKE_REDIS'] ?? '', driver, ...patience };
    const [one, other] = [1, 2].map(() => redisRecords({ connection, keys: [ownedFiles] })) as [Records, Records];
    try {
      const key = ownedFiles({ publicKey: randomUUID() });
      const outcome = await one.transaction(async (tx) => {
        tx.set(key, [...((await tx.get(key)) ?? []), 'file']);
        return 'kept';
      });
      assert.deepEqual(outcome, { status: 'committed', value: 'kept', attempts: 1 });
      assert.deepEqual(await other.get(key), ['file']);
    } finally {
      await Promise.all([one.close(), other.close()]);
    }
  }
}

type Records = ReturnType<typeof redisRecords>;
