import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DemoStatistics } from './launcher/demo-statistics.js';
import { DemoTraffic } from './launcher/demo-traffic.js';
import { launch } from './launcher/launch.js';
import { wholeNumberFromEnv } from './upstream/http/whole-number-from-env.js';

// node dist/demo.js: ten seconds of requests as the real enrolments would send them, and what the tiers made of them.
const runMs = wholeNumberFromEnv('DEMO_SECONDS', 10) * 1_000;
const clients = 16;
const folder = mkdtempSync(join(tmpdir(), 'enterprise-access-demo-'));

try {
  const workers = Math.max(1, wholeNumberFromEnv('WORKERS', 2));
  const launched = await launch({
    workers,
    quiet: true,
    env: {
      PORT: '0',
      LEDGER_FILE: join(folder, 'ledger.db'),
      // A cold start every time, and nothing left behind.
      CACHE_KEY_VERSION_STAMP: `demo-${Date.now()}`,
      ...(process.env['MEMCACHED_SERVERS'] || process.env['CACHE_REDIS_URL']
        ? {}
        : { CACHE_DISK_PATH: join(folder, 'cache') }),
    },
  });
  const statistics = new DemoStatistics();
  const traffic = new DemoTraffic(launched, statistics);
  const startedAt = performance.now();
  const endAt = startedAt + runMs;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => traffic.end());
  const progress = setInterval(() => statistics.printProgress(performance.now() - startedAt, runMs), 200);
  await Promise.all(Array.from({ length: clients }, () => traffic.sendUntil(endAt)));
  clearInterval(progress);
  statistics.printProgress(performance.now() - startedAt, runMs, true);
  const { total } = (await (await fetch(`${launched.catalog.address}/stats`)).json()) as { total: number };
  console.log(statistics.summary(performance.now() - startedAt, workers, total));
  await launched.stop();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
