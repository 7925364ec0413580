import { createWriteStream } from 'node:fs';
import { PassThrough } from 'node:stream';
import { finished } from 'node:stream/promises';
import type { BackupManifest } from '../../src/backup/backup-manifest.js';
import { redisBackup } from '../../src/backup/redis-backup.js';
import { serveWorker } from '../support/serve-worker.js';

export interface TakenBackup {
  readonly manifest: BackupManifest;
  readonly tookMs: number;
  /** What the process has used of processors. */
  readonly cpuMs: number;
  /** What the process had in memory before, compiler and all. */
  readonly baseBytes: number;
  /** The most that it has had. */
  readonly peakBytes: number;
}

serveWorker(({ url }: { readonly url: string }) => {
  const backup = redisBackup({ connection: { url } });
  return {
    take: async (file: string, mode: 'strict' | 'complete'): Promise<TakenBackup> => {
      const stream = createWriteStream(file);
      await backup.take(new PassThrough().resume(), { signal: AbortSignal.abort() }).catch(() => {});
      const [startedAt, cpu, baseBytes] = [
        performance.now(),
        process.cpuUsage(),
        process.resourceUsage().maxRSS * 1_024,
      ];
      const manifest = await backup.take(stream, { mode });
      stream.end();
      await finished(stream);
      const tookMs = performance.now() - startedAt;
      const { user, system } = process.cpuUsage(cpu);
      return {
        manifest,
        tookMs,
        cpuMs: (user + system) / 1_000,
        baseBytes,
        peakBytes: process.resourceUsage().maxRSS * 1_024,
      };
    },
    stop: (): Promise<void> => backup.close(),
  };
});
