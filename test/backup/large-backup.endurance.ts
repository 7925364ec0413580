import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createReadStream, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { BackupManifest } from '../../src/backup/backup-manifest.js';
import { redisBackup } from '../../src/backup/redis-backup.js';
import { startRedis } from '../support/redis-process.js';
import type { RedisProcess } from '../support/redis-process.js';
import { RedisWire } from '../support/redis-wire.js';

interface TakenBackup {
  readonly manifest: BackupManifest;
  readonly tookMs: number;
  /** What the process has used of processors. */
  readonly cpuMs: number;
  /** The most memory that the process had before, and at all. */
  readonly baseBytes: number;
  readonly peakBytes: number;
}

const run = promisify(execFile);
const program = fileURLToPath(new URL('./backup-program.mjs', import.meta.url));
const pageSize = 500;

/** As redis-benchmark names keys: `key:000000000042`. */
const nameOf = (number: number): string => `key:${String(number).padStart(12, '0')}`;

/** Compressible by nothing, as what is stored compressed. */
const valueOf = (seed: Buffer, number: number): Buffer => {
  const value = Buffer.from(seed);
  value.writeUInt32BE(number, 0);
  return value;
};

async function forEachKey(port: number, count: number, act: (wire: RedisWire, number: number) => Promise<unknown>) {
  const wire = new RedisWire(port);
  for (let from = 0; from < count; from += pageSize) {
    await Promise.all(Array.from({ length: pageSize }, (_, index) => act(wire, from + index)));
  }
  wire.close();
}

/** Writes and deletes one key after the other as long as `work` takes; a writer that waits for nothing takes a third of two processors. */
async function besideWriter<T>(port: number, writesPerSecond: number, work: () => Promise<T>) {
  let isOver = false;
  let [written, slowestMs] = [0, 0];
  const writing = (async () => {
    const wire = new RedisWire(port);
    const startedAt = performance.now();
    for (; !isOver; written++) {
      const dueAt = startedAt + (written * 1_000) / writesPerSecond;
      while (performance.now() < dueAt && !isOver) await new Promise((resolve) => setTimeout(resolve, 1));
      const askedAt = performance.now();
      await wire.command('SET', `new:${written}`, 'x');
      if (written % 2 === 0) await wire.command('DEL', `new:${written}`);
      slowestMs = Math.max(slowestMs, performance.now() - askedAt);
    }
    wire.close();
  })();
  const result = await work().finally(() => (isOver = true));
  await writing;
  return { result, written, slowestMs };
}

/** What a server has used of processors, in ms. */
async function cpuOf(server: RedisProcess): Promise<number> {
  const { used_cpu_user: user, used_cpu_sys: system } = await server.info('cpu');
  return (Number(user) + Number(system)) * 1_000;
}

/** How many bytes a second the server gives to a client of C that does nothing but DUMP: 500 at a time, through one connection. */
async function bareDumps(port: number, count: number, dumpBytes: number): Promise<number> {
  const flags = ['-p', `${port}`, '-c', '1', '-P', `${pageSize}`, '-n', `${count}`, '-r', `${count}`, '--csv'];
  const { stdout } = await run('redis-benchmark', [...flags, 'DUMP', 'key:__rand_int__']);
  const perSecond = Number(/^"DUMP[^"]*","([\d.]+)"/m.exec(stdout)?.[1]);
  return perSecond * dumpBytes;
}

describe('B1 a large backup beside a writer, by the built package', () => {
  let source: RedisProcess;
  let target: RedisProcess;
  const folder = mkdtempSync(join(tmpdir(), 'large-backup-'));
  beforeEach(async () => {
    [source, target] = await Promise.all([startRedis(), startRedis()]);
  });
  afterEach(() => Promise.all([source.stop(), target.stop()]));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each([
    [200_000, 1_024, 2_000],
    [200_000, 1_024, Infinity],
    [200_000, 100, 2_000],
    [40_000, 10_240, 2_000],
  ])(
    'of %i keys of %i bytes, beside %d writes a second, takes 200 MB of memory at most, and restores to the same',
    async (keyCount, valueBytes, writesPerSecond) => {
      const seed = randomBytes(valueBytes);
      await forEachKey(source.port, keyCount, (wire, number) => {
        const life = number % 10 === 0 ? ['PX', '3600000'] : [];
        return wire.command('SET', nameOf(number), valueOf(seed, number), ...life);
      });
      const dump = (await source.command('DUMP', nameOf(1))) as Buffer;
      const bare = await besideWriter(source.port, writesPerSecond, () =>
        bareDumps(source.port, keyCount, dump.length),
      );
      const figures: Record<string, unknown>[] = [];
      for (const mode of ['strict', 'complete'] as const) {
        const file = join(folder, mode);
        const serverCpuMs = await cpuOf(source);
        const { result, written, slowestMs } = await besideWriter(source.port, writesPerSecond, async () => {
          const { stdout } = await run(process.execPath, [program, source.url, file, mode]);
          return JSON.parse(stdout) as TakenBackup;
        });
        const { manifest, tookMs, cpuMs, baseBytes, peakBytes } = result;
        const { bytes } = manifest;
        const usedByServerMs = (await cpuOf(source)) - serverCpuMs;

        await target.command('FLUSHALL');
        const backup = redisBackup({ connection: { url: target.url } });
        const restoredAt = performance.now();
        const restored = await backup.restore(() => createReadStream(file, { highWaterMark: 2 ** 20 }), { manifest });
        const restoreMs = performance.now() - restoredAt;
        await backup.close();
        expect(restored.records).toBe(manifest.records);
        let [same, absent, other] = [0, 0, 0];
        await forEachKey(target.port, keyCount, async (wire, number) => {
          const found = await wire.command('GET', nameOf(number));
          if (found === null) absent++;
          else if (Buffer.isBuffer(found) && found.equals(valueOf(seed, number))) same++;
          else other++;
        });
        figures.push({
          mode,
          'backup, MB': megabytes(bytes),
          s: tookMs / 1_000,
          'MB/s': bytes / tookMs / 1_000,
          'keys/s': Math.round((manifest.records * 1_000) / tookMs),
          'processor, s': cpuMs / 1_000,
          'MB a second of it': bytes / cpuMs / 1_000,
          "server's, s": usedByServerMs / 1_000,
          'memory, MB': megabytes(peakBytes),
          'before, MB': megabytes(baseBytes),
          'writes beside': written,
          'slowest, ms': slowestMs,
          'restore, MB/s': bytes / restoreMs / 1_000,
        });
        expect({ same, absent, other }).toEqual({ same: keyCount * 0.9, absent: keyCount * 0.1, other: 0 });
        expect(peakBytes).toBeLessThan(200e6);
        expect(written).toBeGreaterThan(100);
      }
      const ceiling = `DUMP alone by redis-benchmark, beside the same writer: ${(bare.result / 1e6).toFixed(1)} MB/s`;
      process.stdout.write(
        `\n${keyCount} keys of ${valueBytes} bytes, ${writesPerSecond} writes a second. ${ceiling}\n${table(figures)}\n`,
      );
    },
    300_000,
  );
});

const megabytes = (bytes: number): number => bytes / 1e6;

function table(rows: readonly Record<string, unknown>[]): string {
  const names = Object.keys(rows[0] ?? {});
  const text = (value: unknown): string =>
    typeof value === 'number' && !Number.isInteger(value) ? value.toFixed(1) : String(value);
  return names
    .map((name) => `  ${name.padEnd(20)}${rows.map((row) => text(row[name]).padStart(12)).join('')}`)
    .join('\n');
}
