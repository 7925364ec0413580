import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Configuration } from './configuration.js';

// node dist/with-redis.js: the service with a redis-server of its own, which ends with it. Its data stays in FILES_DATA/redis.
const directory = join(new Configuration().dataDirectory, 'redis');
mkdirSync(directory, { recursive: true });
// A fixed port: two servers would write to the same files.
const port = process.env['FILES_REDIS_PORT'] || '6390';

const options = ['--bind', '127.0.0.1', '--port', port, '--dir', directory, '--appendonly', 'yes', '--save', ''];
const memory = ['--maxmemory', '256mb', '--maxmemory-policy', 'volatile-lru'];
// Detached: Ctrl-C is for the service, which ends it when it needs it no more.
const redis = spawn('redis-server', [...options, ...memory], { stdio: ['ignore', 'pipe', 'inherit'], detached: true });
redis.once('error', (error: NodeJS.ErrnoException) => {
  console.error(
    error.code === 'ENOENT'
      ? 'redis-server is not installed. Install it (apt-get install redis-server, brew install redis), or set FILES_REDIS_URL and start main.js.'
      : error.message,
  );
  process.exit(1);
});
let output = '';
let isEnding = false;
redis.once('exit', (code) => {
  if (!isEnding) console.error(`redis-server ended (${code}). Is port ${port} taken?\n${output.slice(-500)}`);
  process.exit(isEnding ? 0 : 1);
});
process.once('exit', () => redis.kill());
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  // The first one ends the service, which then sends itself another.
  let signals = 0;
  process.on(signal, () => {
    isEnding = true;
    if (++signals > 1) redis.kill();
  });
}
await new Promise<void>((resolve) => {
  redis.stdout.on('data', (chunk: Buffer) => {
    output = `${output}${chunk.toString()}`.slice(-2_000);
    if (output.includes('Ready to accept connections')) resolve();
  });
});
process.env['FILES_REDIS_URL'] = `redis://127.0.0.1:${port}`;
await import('./main.js');
