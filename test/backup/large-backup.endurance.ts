import { randomBytes } from 'node:crypto';
import { createReadStream, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { redisBackup } from '../../src/backup/redis-backup.js';
import { startRedis } from '../support/redis-process.js';
import type { RedisProcess } from '../support/redis-process.js';
import { RedisWire } from '../support/redis-wire.js';
import { startWorker } from '../support/worker-process.js';
import type { TakenBackup } from './backup-worker.js';

const keyCount = 200_000;
const pageSize = 1_000;

/** Compressible by nothing, as what is stored compressed. */
const valueOf = (seed: Buffer, number: number): Buffer => {
  const value = Buffer.from(seed);
  value.writeUInt32BE(number, 0);
  return value;
};

async function pages(port: number, run: (wire: RedisWire, number: number) => Promise<unknown>): Promise<void> {
  const wire = new RedisWire(port);
  for (let from = 0; from < keyCount; from += pageSize) {
    await Promise.all(Array.from({ length: pageSize }, (_, index) => run(wire, from + index)));
  }
  wire.close();
}

describe('B1 a backup of 200,000 keys of 1 KB beside writers', () => {
  let source: RedisProcess;
  let target: RedisProcess;
  const folder = mkdtempSync(join(tmpdir(), 'large-backup-'));
  const seed = randomBytes(1_024);
  beforeAll(async () => {
    [source, target] = await Promise.all([startRedis(), startRedis()]);
    await pages(source.port, (wire, number) => {
      const life = number % 10 === 0 ? ['PX', '3600000'] : [];
      return wire.command('SET', `key:${number}`, valueOf(seed, number), ...life);
    });
  }, 120_000);
  afterAll(async () => {
    await Promise.all([source.stop(), target.stop()]);
    rmSync(folder, { recursive: true, force: true });
  });

  it.each(['strict', 'complete'] as const)(
    '%s, takes at most 120 MB of memory for 190 MB, and restores to the same',
    async (mode) => {
      await target.command('FLUSHALL');
      const file = join(folder, mode);
      const worker = await startWorker(new URL('./backup-worker.ts', import.meta.url), { url: source.url });
      let isOver = false;
      let [written, slowestMs] = [0, 0];
      const writing = (async () => {
        const wire = new RedisWire(source.port);
        for (; !isOver; written++) {
          const askedAt = performance.now();
          await wire.command('SET', `new:${mode}:${written}`, 'x');
          if (written % 2 === 0) await wire.command('DEL', `new:${mode}:${written}`);
          slowestMs = Math.max(slowestMs, performance.now() - askedAt);
        }
        wire.close();
      })();
      const { manifest, tookMs, cpuMs, baseBytes, peakBytes } = await worker.call<TakenBackup>('take', file, mode);
      isOver = true;
      await writing;
      await worker.stop();

      const backup = redisBackup({ connection: { url: target.url } });
      const restoredAt = performance.now();
      const restored = await backup.restore(() => createReadStream(file, { highWaterMark: 2 ** 20 }), { manifest });
      const restoreMs = performance.now() - restoredAt;
      await backup.close();
      expect(restored.records).toBe(manifest.records);
      let [same, absent, other] = [0, 0, 0];
      await pages(target.port, async (wire, number) => {
        const found = await wire.command('GET', `key:${number}`);
        if (found === null) absent++;
        else if (Buffer.isBuffer(found) && found.equals(valueOf(seed, number))) same++;
        else other++;
      });
      process.stdout.write(
        `${JSON.stringify({ mode, records: manifest.records, bytes: manifest.bytes, tookMs, cpuMs, baseBytes, peakBytes, written, slowestMs, restoreMs })}\n`,
      );
      expect({ same, absent, other }).toEqual({ same: keyCount * 0.9, absent: keyCount * 0.1, other: 0 });
      expect(peakBytes - baseBytes).toBeLessThan(120e6);
      expect(written).toBeGreaterThan(100);
    },
    300_000,
  );
});
