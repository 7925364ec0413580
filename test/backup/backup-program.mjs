// Takes a backup as a user's program does, with the built package, and prints what it took: node backup-program.mjs URL FILE strict|complete
import { createWriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import { redisBackup } from 'nestjs-tiered-cache/redis';

const [url, file, mode] = process.argv.slice(2);
const backup = redisBackup({ connection: { url } });
const baseBytes = process.resourceUsage().maxRSS * 1_024;
const cpu = process.cpuUsage();
const startedAt = performance.now();
const stream = createWriteStream(file);
const manifest = await backup.take(stream, { mode });
stream.end();
await finished(stream);
const tookMs = performance.now() - startedAt;
const { user, system } = process.cpuUsage(cpu);
await backup.close();
const peakBytes = process.resourceUsage().maxRSS * 1_024;
process.stdout.write(JSON.stringify({ manifest, tookMs, cpuMs: (user + system) / 1_000, baseBytes, peakBytes }));
