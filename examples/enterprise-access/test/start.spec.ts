import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '../../../test/support/eventually.js';
import { startMemcached } from '../../../test/support/memcached-process.js';
import { startRedis } from '../../../test/support/redis-process.js';
import { readCourses } from '../src/upstream/catalog/course-data.js';
import { LaunchedProgram } from './support/launched-program.js';

const endurance = process.env['ENDURANCE'] === '1';
const keys = readCourses().map(({ key }) => key);

describe('what a newcomer types first', () => {
  let folder: string;
  const launched = (program: string, env: Record<string, string> = {}): LaunchedProgram =>
    new LaunchedProgram(program, {
      LEDGER_FILE: join(folder, `ledger-${randomUUID()}.db`),
      CATALOG_DELAY_MS: '5',
      ...env,
    });
  /** In a shell, as it was printed. `curl` is one of the tests' own: a fresh machine may have none. */
  const run = async (command: string): Promise<unknown> => {
    const path = `${folder}${delimiter}${process.env['PATH']}`;
    const { stdout } = await promisify(execFile)('sh', ['-c', command], { env: { ...process.env, PATH: path } });
    return JSON.parse(stdout) as unknown;
  };

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'enterprise-access-start-'));
    const curl = fileURLToPath(new URL('./support/curl.mjs', import.meta.url));
    writeFileSync(join(folder, 'curl'), `#!/bin/sh\nexec '${process.execPath}' '${curl}' "$@"\n`, { mode: 0o755 });
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('npm start with several workers prints its address and three requests, which work as they are printed', async () => {
    const program = launched('start.ts', { WORKERS: endurance ? '4' : '2', CACHE_DISK_PATH: join(folder, 'cache') });
    try {
      const [, address] = await program.says(
        /enterprise-access on (http:\S+) \([24] workers\)[^]*Ctrl-C ends everything/,
      );
      const commands = program.output.split('\n').filter((line) => line.startsWith('curl '));
      expect(commands).toHaveLength(3);
      for (const command of commands) expect(command).toContain(`'${address}/api/v1/`);
      const [single, many, redeem] = commands as [string, string, string];
      expect(await run(single)).toMatchObject({ key: keys[0], content_type: 'course' });
      expect(await run(single)).toMatchObject({ key: keys[0] });
      expect(await run(many)).toMatchObject({
        results: [{ key: keys[0] }, { key: keys[1] }],
        unknown_content_keys: ['edX+Unknown'],
      });
      // Where its lock can't be had in time, on a busy machine, it says that nothing was redeemed, and asks to come back.
      const redeemed = (): Promise<unknown> =>
        eventually(async () => {
          const answer = await run(redeem);
          expect(answer).toMatchObject({ lms_user_id: 7, content_key: keys[2], state: 'committed' });
          return answer;
        });
      expect(await redeemed()).toMatchObject({ uuid: ((await redeemed()) as { uuid: string }).uuid });
      // The request lines say which tier answered; whichever worker was asked the second time, it did not load.
      const sources = async (path: string): Promise<(string | undefined)[]> => {
        await program.says(new RegExp(`(200 .*${path}[^]*){2}`));
        return [...program.output.matchAll(new RegExp(`200 [\\d.]+ ms \\[(.*?)\\] \\w+ ${path}`, 'g'))].map(
          ([, by]) => by,
        );
      };
      const [before, after] = await sources('/api/v1/content-metadata/');
      expect(before).toBe('load');
      expect(after).toMatch(/^(process|disk)$/);
    } finally {
      expect(await program.interrupt()).toBe(0);
    }
  });

  it('MEMCACHED_SERVERS=… npm start is the same service on memcached', async () => {
    const memcached = await startMemcached();
    const program = launched('start.ts', { MEMCACHED_SERVERS: memcached.address });
    try {
      await program.says(/\(1 worker\)[^]*Ctrl-C ends everything/);
      const [single] = program.output.split('\n').filter((line) => line.startsWith('curl '));
      expect(await run(single as string)).toMatchObject({ key: keys[0] });
      // The content, its version, and the log at least.
      expect(Number((await memcached.stats())['curr_items'])).toBeGreaterThanOrEqual(3);
    } finally {
      expect(await program.interrupt()).toBe(0);
      await memcached.stop();
    }
  });

  it('CACHE_REDIS_URL=… npm start is the same service on Redis', async () => {
    const redis = await startRedis();
    const program = launched('start.ts', { CACHE_REDIS_URL: redis.url });
    try {
      await program.says(/\(1 worker\)[^]*Ctrl-C ends everything/);
      const [single] = program.output.split('\n').filter((line) => line.startsWith('curl '));
      expect(await run(single as string)).toMatchObject({ key: keys[0] });
      // The content, its version, and the log at least.
      expect(Number(await redis.text('DBSIZE'))).toBeGreaterThanOrEqual(3);
    } finally {
      expect(await program.interrupt()).toBe(0);
      await redis.stop();
    }
  });

  it('npm run demo shows how far it is, and ends with what each tier answered and the time saved', async () => {
    const program = launched('demo.ts', { DEMO_SECONDS: '3', WORKERS: '1' });
    expect(await program.exited).toBe(0);
    expect(program.output).toMatch(/█{30} +\d s {2}\d+ requests\n/);
    expect(program.output).toMatch(/\d+ requests in \d\.\d s on 1 worker \(\d+ × 200/);
    const rows = [...program.output.matchAll(/\n {2}([a-z]+(?: [a-z]+)*) +(\d+) +[\d.]+ % /g)];
    expect(rows.map(([, tier]) => tier)).toContain('load');
    const [, lookups] = /for (\d+) look-ups/.exec(program.output) ?? [];
    expect(rows.reduce((sum, [, , count]) => sum + Number(count), 0)).toBe(Number(lookups));
    expect(program.output).toMatch(/Time saved: \d+\.\d s/);
  });
});
