import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startRedis } from '../support/redis-process.js';
import type { RedisProcess } from '../support/redis-process.js';

const register = new URL('../support/sources/register.mjs', import.meta.url).href;
const program = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

describe('tiered-cache backup redis, as a process whose output has an end', () => {
  let server: RedisProcess;
  let folder: string;
  beforeAll(async () => {
    server = await startRedis();
    for (let n = 0; n < 40; n++) await server.command('SET', `key:${n}`, randomBytes(100_000));
  });
  beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'interrupted-'))));
  afterAll(() => server.stop());

  /** A line of bash in which `backup` and `restore` are the commands, `unread` is where nobody reads, and `$FOLDER` an empty folder. */
  const bash = async (line: string) => {
    const script = [
      'set -o pipefail',
      ...['backup', 'restore'].map(
        (name) => `${name}() { "$NODE" --import "$REGISTER" "$PROGRAM" ${name} redis "$@"; }`,
      ),
      'exec {unread}> >(:); wait $!',
      line,
    ].join('\n');
    const child = spawn('bash', ['-c', script], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        NODE_OPTIONS: '',
        NODE: process.execPath,
        REGISTER: register,
        PROGRAM: program,
        FOLDER: folder,
        TMPDIR: folder,
        CACHE_REDIS_URL: server.url,
      },
    });
    const exited = new Promise((resolve) => child.once('exit', resolve));
    const [out, err, code] = await Promise.all([text(child.stdout), text(child.stderr), exited]);
    const left = readdirSync(folder);
    rmSync(folder, { recursive: true });
    return { out: out.trim(), code, left, errors: err.split('\n').filter((line) => line.startsWith('tiered-cache')) };
  };

  it.each(['', '--complete'])('through a pipe that is cut fails, and writes no manifest: %s', async (mode) => {
    const ended = await bash(`backup - --manifest $FOLDER/manifest.json ${mode} | head -c 1000 | wc -c`);
    expect(ended).toEqual({ out: '1000', code: 1, left: [], errors: [expect.stringMatching(/closed|EPIPE/)] });
  });

  it('through a pipe that is read to its end writes one', async () => {
    const ended = await bash(`backup - --manifest $FOLDER/manifest.json | wc -c`);
    expect(ended).toMatchObject({ code: 0, left: ['manifest.json'], errors: [] });
    expect(Number(ended.out)).toBeGreaterThan(4_000_000);
  });

  it.each(['', '--complete'])(
    'into a file that may not grow says so in a line, and leaves nothing: %s',
    async (mode) => {
      const ended = await bash(`ulimit -f 1024; backup $FOLDER/redis.bak ${mode}`);
      expect(ended).toEqual({ out: '', code: 1, left: [], errors: [expect.stringMatching(/EFBIG/)] });
    },
  );

  it('onto a device that is full says so in a line, and writes no manifest', async () => {
    expect(existsSync('/dev/full')).toBe(true);
    const ended = await bash(`backup - --manifest $FOLDER/manifest.json --complete > /dev/full`);
    expect(ended).toEqual({ out: '', code: 1, left: [], errors: [expect.stringMatching(/ENOSPC/)] });
  });

  it.each(['', '--complete'])('is whole where nobody reads what it says of itself: %s', async (mode) => {
    const ended = await bash(`backup $FOLDER/redis.bak ${mode} 2>&$unread`);
    expect(ended).toMatchObject({ code: 0, left: ['redis.bak', 'redis.bak.manifest.json'] });
  });

  it('is restored whole where nobody reads what that says', async () => {
    const flush = `exec {wire}<>/dev/tcp/${server.address.replace(':', '/')}; printf 'FLUSHALL\\r\\n' >&$wire; read -r <&$wire`;
    const ended = await bash(`backup $FOLDER/redis.bak && ${flush} && restore $FOLDER/redis.bak >&$unread 2>&1`);
    expect(ended).toMatchObject({ code: 0 });
    expect(await server.command('DBSIZE')).toBe(40);
  });
});
