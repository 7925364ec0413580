import { spawnSync } from 'node:child_process';
import type { SpawnSyncReturns } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, truncateSync } from 'node:fs';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { untilInvalidated } from '../../src/catalogue/lives/until.js';
import { versionedKey } from '../../src/key/key.js';
import { memcachedStore } from '../../src/memcached.js';
import { diskStore } from '../../src/disk.js';
import { runCommand } from '../../src/cli/run-command.js';
import { buildCache } from '../support/build-cache.js';
import { eventually } from '../support/eventually.js';
import { startRedis } from '../support/redis-process.js';
import type { RedisProcess } from '../support/redis-process.js';
import { redisStore } from '../../src/store/redis/redis-store.js';
import { startMemcached } from '../support/memcached-process.js';
import { recordEvents } from '../support/recorded-events.js';
import { patience } from '../support/patience.js';

async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const printed = { out: '', err: '' };
  const code = await runCommand(args, {
    out: (text) => void (printed.out += text),
    err: (text) => void (printed.err += text),
  });
  return { code, ...printed };
}

/** By its address: these processes run elsewhere. */
const tsx = import.meta.resolve?.('tsx') ?? pathToFileURL(join(process.cwd(), 'node_modules/tsx/dist/loader.mjs')).href;

const containing = (text: string): unknown => expect.stringContaining(text);

let folder: string;
let onStore: string[];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cli-'));
  onStore = ['--disk', join(folder, 'store'), '--namespace', 'test', '--package-version', '1.0.0'];
  const cache = await buildCache({ store: diskStore({ directory: join(folder, 'store') }) });
  await cache.set('greeting', { secret: 'hello' }, { ttl: '1h', tags: ['words'] });
  await cache.close();
});
afterAll(() => rm(folder, { recursive: true }));

describe('tiered-cache on a store', () => {
  it('shows an entry with its value masked, and unmasked when asked', async () => {
    const masked = await run('get', 'greeting', ...onStore);
    expect(masked).toMatchObject({ code: 0, err: '' });
    expect(masked.out).toContain('[masked]');
    const { key, storeKey } = JSON.parse((await run('explain', 'greeting', '--json', ...onStore)).out) as Record<
      string,
      string
    >;
    expect(JSON.parse((await run('get', 'greeting', '--json', ...onStore)).out)).toMatchObject({ key, storeKey });
    expect(masked.out).not.toContain('hello');
    expect((await run('get', 'greeting', '--show-values', ...onStore)).out).toContain('{"secret":"hello"}');
  });

  it('says that a key is absent, with exit code 1', async () => {
    expect(await run('get', '["greeting", 1]', ...onStore)).toEqual({
      code: 1,
      out: '',
      err: 'test:1.0.0::greeting:#1: absent\n',
    });
  });

  it('says of an entry what a look-up would be told, with exit code 1 where it would be a miss', async () => {
    const cache = await buildCache({ store: diskStore({ directory: join(folder, 'store') }), process: false });
    const answerOf = async (key: string): Promise<unknown[]> => {
      const { code, out } = await run('get', key, '--json', ...onStore);
      const { freshness, notServed } = JSON.parse(out) as { freshness?: string; notServed?: string };
      const explained = await run('explain', key, '--json', ...onStore);
      const [tier] = (JSON.parse(explained.out) as { tiers: { freshness?: string; reason?: string }[] }).tiers;
      expect([freshness, notServed, code]).toEqual([tier?.freshness, tier?.reason, explained.code]);
      return [freshness ?? notServed, code, (await cache.lookup(key)).hit];
    };
    try {
      for (const key of ['tagged', 'plain']) await cache.set(key, 1, { ttl: '1h', tags: [key] });
      await cache.set('old', 1, { ttl: 1, staleFor: '1h' });
      await cache.set('over', 1, { ttl: 1 });
      expect(await answerOf('tagged')).toEqual(['fresh', 0, true]);
      expect(await run('invalidate-tags', 'tagged', ...onStore)).toMatchObject({ code: 0 });
      expect(await answerOf('tagged')).toEqual(['invalidated', 1, false]);
      expect(await answerOf('plain')).toEqual(['fresh', 0, true]);
      expect(await answerOf('old')).toEqual(['stale', 0, true]);
      expect((await run('get', 'over', ...onStore)).code).toBe(1);
      expect(await run('clear', '--yes', ...onStore)).toMatchObject({ code: 0 });
      // Other processes hear of it when they read the feed.
      await eventually(async () => expect(await answerOf('plain')).toEqual(['invalidated', 1, false]));
      await cache.set('greeting', { secret: 'hello' }, { ttl: '1h', tags: ['words'] });
    } finally {
      await cache.close();
    }
  });

  it('explains, deletes for all processes, and clears only when told yes', async () => {
    const explained = await run('explain', 'greeting', '--json', ...onStore);
    expect(JSON.parse(explained.out)).toMatchObject({
      key: 'greeting',
      tiers: [{ tier: 'disk', hit: true, tags: ['words'] }],
    });
    const reader = await buildCache({ store: diskStore({ directory: join(folder, 'store') }) });
    expect(await reader.get('greeting')).toEqual({ secret: 'hello' });
    expect(await run('delete', 'greeting', ...onStore)).toMatchObject({ code: 0 });
    await eventually(async () => expect(await reader.get('greeting')).toBeUndefined());
    await reader.set('other', 1);
    expect(await run('clear', ...onStore)).toMatchObject({ code: 2, out: '' });
    expect(await run('clear', '--yes', ...onStore)).toMatchObject({ code: 0 });
    await eventually(async () => expect(await reader.get('other')).toBeUndefined());
    await reader.close();
  });

  it('says of an entry without an end that it lasts until it is invalidated, where others have milliseconds left', async () => {
    const cache = await buildCache({ store: diskStore({ directory: join(folder, 'store') }) });
    try {
      await cache.set('endless', 1, { ttl: untilInvalidated() });
      const of = async (command: string): Promise<string> => (await run(command, 'endless', '--json', ...onStore)).out;
      const end = 'until invalidated';
      expect(JSON.parse(await of('get'))).toMatchObject({ freshUntil: end, staleUntil: end });
      expect(JSON.parse(await of('explain'))).toMatchObject({ tiers: [{ freshForMs: end, servableForMs: end }] });
      const { out } = await run('explain', 'endless', ...onStore);
      expect(out).toMatch(/ freshForMs +until invalidated\n +servableForMs +until invalidated\n/);
      await cache.delete('endless');
    } finally {
      await cache.close();
    }
  });

  it('explains in columns that line up, whatever each tier says', async () => {
    const of = async (key: string): Promise<(number | undefined)[]> => {
      const rows = (await run('explain', key, ...onStore)).out.split('\n').filter((line) => line.startsWith('  '));
      expect(rows.length).toBeGreaterThan(3);
      return [...new Set(rows.map((row) => /^ +\w+ +/.exec(row)?.[0].length))];
    };
    for (const key of ['greeting', 'absent']) expect(await of(key)).toEqual([expect.any(Number)]);
  });

  it('leaves a database alone that is larger than its default', async () => {
    const directory = join(folder, 'large');
    const on = ['--disk', directory, '--namespace', 'test', '--package-version', '1.0.0'];
    const large = { directory, maxBytes: 2 ** 32 };
    const cache = await buildCache({ store: diskStore(large) });
    await cache.set('a', 1, { ttl: '1h' });
    await cache.close();
    truncateSync(join(directory, 'v2', 'data.mdb'), 2 ** 31);
    const { code, out } = await run('stats', '--json', ...on);
    expect([code, (JSON.parse(out) as { shards: object[] }).shards]).toMatchObject([0, [{ answers: true }]]);
    expect(await run('delete', 'b', ...on)).toMatchObject({ code: 1, err: containing('test:1.0.0::b: absent') });
    const again = await buildCache({ store: diskStore(large) });
    expect(await again.get('a')).toBe(1);
    await again.close();
  });

  it('starts no database anew where the application would', async () => {
    const directory = join(folder, 'restarted');
    const on = ['--disk', directory, '--namespace', 'test', '--package-version', '1.0.0'];
    const cache = await buildCache({ store: diskStore({ directory }) });
    await cache.set('a', 1, { ttl: '1h' });
    await cache.close();
    await rm(join(directory, 'v2', 'clean'));
    await writeFile(join(directory, 'v2', 'boot'), 'another');
    const before = readdirSync(directory);
    const events = recordEvents('fault');
    expect(await run('stats', ...on)).toMatchObject({ code: 1, out: containing('does not answer') });
    expect(events.all).toMatchObject([{ kind: 'unavailable', message: containing('the machine was restarted') }]);
    events.stop();
    expect(readdirSync(directory)).toEqual(before);
  });

  it('says of each part of the store whether it answers', async () => {
    const { code, out } = await run('stats', '--json', ...onStore);
    expect(code).toBe(0);
    const number: unknown = expect.any(Number);
    const { store, shards } = JSON.parse(out) as { store: string; shards: Record<string, unknown>[] };
    expect([store, shards]).toEqual([
      'disk',
      [
        {
          shard: `disk ${join(folder, 'store')}`,
          ...{ answers: true, entries: number, bytes: number, fileBytes: number },
        },
      ],
    ]);
    const away = await run('stats', '--servers', '127.0.0.1:1', '--namespace', 'test', '--package-version', '1');
    expect(away.code).toBe(1);
    expect(away.out).toContain('does not answer');
  });
});

describe('tiered-cache on Redis', () => {
  it('counts and takes away what the cache keeps there', async () => {
    const server = await startRedis();
    try {
      const cache = await buildCache({ store: redisStore({ url: server.url, ...patience }) });
      await cache.set('a', { secret: 'hello' });
      await cache.close();
      const onRedis = ['--redis', server.url, '--namespace', 'test', '--package-version', '1.0.0'];
      const { code, out } = await run('stats', '--json', ...onRedis);
      expect(code).toBe(0);
      const { shards } = JSON.parse(out) as { shards: Record<string, number>[] };
      expect(shards[0]).toMatchObject({ shard: `redis ${server.address}`, answers: true });
      expect(shards[0]?.['entries']).toBeGreaterThanOrEqual(3);
      expect((await run('get', 'a', ...onRedis)).code).toBe(0);
      expect((await run('delete', 'a', ...onRedis)).code).toBe(0);
      expect((await run('get', 'a', ...onRedis)).code).toBe(1);
      expect((await run('stats', ...onRedis, '--disk', '/tmp')).err).toMatch(
        /give one of --servers, --redis and --disk/,
      );
      expect((await run('stats', '--redis', 'http://x')).err).toMatch(/--redis.*rediss:/s);
    } finally {
      await server.stop();
    }
  });
});

describe('tiered-cache on Redis that refuses its password', () => {
  let server: RedisProcess;
  beforeAll(async () => void (server = await startRedis()));
  afterAll(() => server.stop());

  it.each([
    ['stats', '--json'],
    ['stats'],
    ['list'],
    ['get', 'k'],
    ['explain', 'k'],
    ['delete', 'k'],
    ['invalidate-tags', 't'],
    ['clear', '--yes'],
  ])('(%s) says so', async (...command) => {
    const onRedis = [
      '--redis',
      `redis://nobody:s3cret@${server.address}`,
      '--namespace',
      'test',
      '--package-version',
      '1',
    ];
    const { code, err } = await run(...command, ...onRedis);
    expect({ code, err }).toEqual({ code: 1, err: containing('WRONGPASS') });
  });
});

describe('tiered-cache on Redis whose user may change nothing', () => {
  let server: RedisProcess;
  beforeAll(async () => {
    server = await startRedis();
    const rights = ['+@all', '-@write', '+eval', '+evalsha'];
    await server.command('ACL', 'SETUSER', 'reader', 'on', '>s3cret', '~*', '&*', ...rights);
    const cache = await buildCache({ store: redisStore({ url: server.url, ...patience }) });
    await cache.set('k', 1, { ttl: '1h', tags: ['t'] });
    await cache.close();
  });
  afterAll(() => server.stop());

  it.each([
    ['delete', 'k'],
    ['invalidate-tags', 't'],
    ['clear', '--yes'],
  ])('(%s %s) says what the server refused', async (...command) => {
    const url = `redis://reader:s3cret@${server.address}`;
    const { code, err } = await run(...command, '--redis', url, '--namespace', 'test', '--package-version', '1.0.0');
    expect({ code, err }).toEqual({
      code: 1,
      err: expect.stringMatching(/redis 127\.0\.0\.1:\d+: .*(NOPERM|can't run this command)/),
    });
  });
});

describe('tiered-cache stats', () => {
  it('prints a table: a line for each server, with what it counts', async () => {
    const servers = await Promise.all([startMemcached(), startMemcached({ args: ['-m', '128'] })]);
    try {
      const cache = await buildCache({
        store: memcachedStore({ servers: servers.map(({ address }) => address), ...patience }),
      });
      for (let index = 0; index < 50; index++) await cache.set(`key${index}`, { secret: 'hello', index });
      await cache.close();
      const addresses = `${servers.map(({ address }) => address).join(',')},127.0.0.1:1`;
      const onServers = ['--servers', addresses, '--namespace', 'test', '--package-version', '1.0.0'];
      const { code, out } = await run('stats', ...onServers);
      expect(code).toBe(1); // one does not answer
      const [head, ...rows] = out
        .trimEnd()
        .split('\n')
        .map((line) => line.split(/ {2,}/));
      expect(head?.slice(0, 4)).toEqual(['shard', 'entries', 'bytes', 'maxBytes']);
      expect(rows.map((row) => row[0])).toEqual([
        ...servers.map(({ address }) => `memcached ${address}`),
        'memcached 127.0.0.1:1',
      ]);
      expect(rows.map((row) => row[3])).toEqual(['64.0 MiB', '128.0 MiB', '-']);
      expect(rows.map((row) => row.at(-1))).toEqual(['answers', 'answers', 'does not answer']);
      const { shards } = JSON.parse((await run('stats', '--json', ...onServers)).out) as {
        shards: Record<string, number>[];
      };
      const [first, second, away] = shards;
      expect(away).toEqual({ shard: 'memcached 127.0.0.1:1', answers: false, reason: containing('no connection') });
      expect((first?.['entries'] ?? 0) + (second?.['entries'] ?? 0)).toBeGreaterThanOrEqual(50);
      for (const name of ['bytes', 'evictions', 'hits', 'misses', 'connections', 'uptimeSeconds']) {
        expect(first?.[name]).toEqual(expect.any(Number));
      }
      expect(JSON.stringify(shards)).not.toContain('hello');
    } finally {
      await Promise.all(servers.map((server) => server.stop()));
    }
  });
});

describe('a look', () => {
  const nowhere = (): string => join(folder, 'nowhere');

  it.each([
    ['stats'],
    ['list'],
    ['get', 'a'],
    ['explain', 'a'],
    ['delete', 'a'],
    ['invalidate-tags', 't'],
    ['clear', '--yes'],
  ])('(%s) makes no cache in a folder that has none', async (...command) => {
    const { code, out, err } = await run(
      ...command,
      '--disk',
      nowhere(),
      '--namespace',
      'test',
      '--package-version',
      '1',
    );
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toContain(`there is no cache in ${nowhere()}, and none was made`);
    expect(existsSync(nowhere())).toBe(false);
  });

  it('names --namespace where no package.json is, and makes no folder', async () => {
    const bare = await mkdtemp(join(tmpdir(), 'cli-bare-'));
    // As `npx` runs it: a main script in node_modules is a tool.
    await mkdir(join(folder, 'node_modules'));
    const tool = join(folder, 'node_modules', 'main.ts');
    await symlink(fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url)), tool);
    const start = (...args: string[]): SpawnSyncReturns<string> =>
      spawnSync(process.execPath, ['--import', tsx, tool, ...args], {
        cwd: bare,
        encoding: 'utf8',
        env: { PATH: process.env['PATH'] },
      });
    try {
      expect(start('stats')).toMatchObject({ status: 2, stdout: '', stderr: containing('no cache in') });
      const keyed = start('get', 'a', '--disk', join(folder, 'store'));
      expect(keyed).toMatchObject({ status: 2, stdout: '', stderr: containing('give --namespace') });
      expect(readdirSync(bare)).toEqual([]);
      expect(start('--version')).toMatchObject({ status: 0, stderr: '' });
    } finally {
      await rm(bare, { recursive: true });
    }
  });

  it('names the package to install where memcache-client is missing', () => {
    const hook = `export async function resolve(s, c, n) { if (s === 'memcache-client') throw Object.assign(new Error("Cannot find package 'memcache-client' imported from x"), { code: 'ERR_MODULE_NOT_FOUND' }); return n(s, c); }`;
    const register = `import { register } from 'node:module'; register("data:text/javascript;base64,${Buffer.from(hook).toString('base64')}");`;
    const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
    const hooked = `data:text/javascript;base64,${Buffer.from(register).toString('base64')}`;
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ['--import', tsx, '--import', hooked, main, 'stats', '--servers', '127.0.0.1:1'],
      { encoding: 'utf8', env: { PATH: process.env['PATH'] } },
    );
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(/^tiered-cache: .*'memcache-client'.*npm install "memcache-client@1\.0\.5"`\.\n$/);
  });
});

describe('a store that can not be meant', () => {
  const before = { ...process.env };
  afterEach(() => {
    process.env = { ...before };
  });

  it.each<[Record<string, string>, string[], string]>([
    [{ MEMCACHED_SERVERS: 'a;b' }, ['stats'], 'MEMCACHED_SERVERS: "a;b" is not host:port. '],
    [{ MEMCACHED_SERVERS: 'a', MEMCACHED_USERNAME: 'u' }, ['stats'], 'MEMCACHED_PASSWORD: a username came alone. '],
    [{ MEMCACHED_SERVERS: 'a', MEMCACHED_PASSWORD: 'p' }, ['stats'], 'MEMCACHED_USERNAME: a password came alone. '],
    [{ MEMCACHED_SERVERS: 'b' }, ['stats', '--servers', 'a;b'], '--servers: "a;b" is not host:port. '],
    [{ MEMCACHED_USERNAME: 'u' }, ['stats', '--servers', 'a'], 'MEMCACHED_PASSWORD: a username came alone. '],
    [{ CACHE_REDIS_URL: 'http://a' }, ['stats'], 'CACHE_REDIS_URL: its scheme is none of '],
    [{ CACHE_REDIS_URL: 'redis://a' }, ['stats', '--redis', 'http://a'], '--redis: its scheme is none of '],
    [{ CACHE_REDIS_URL: 'http://a' }, ['backup', 'redis', '/tmp/x'], 'CACHE_REDIS_URL: its scheme is none of '],
    [{ MEMCACHED_SERVERS: 'a', CACHE_REDIS_URL: 'redis://a' }, ['stats'], 'CACHE_REDIS_URL: MEMCACHED_SERVERS is set '],
    [
      { MEMCACHED_SERVERS: 'a', CACHE_REDIS_URL: 'redis://a' },
      ['stats', '--servers', 'a;b'],
      '--servers: "a;b" is not host:port. ',
    ],
    [
      { CACHE_REDIS_URL: 'redis://a' },
      ['backup', 'redis', '/tmp/x', '--url', 'http://a'],
      '--url: its scheme is none of ',
    ],
  ])('(%j, %j) is said by the name under which it was given', async (variables, command, said) => {
    Object.assign(process.env, variables);
    const { code, out, err } = await run(...command);
    expect({ code, out, err }).toEqual({ code: 2, out: '', err: containing(`tiered-cache: ${said}`) });
  });
});

describe('keys and values of anybody', () => {
  const escape = '\u001b]0;owned\u0007\u009b31m';
  // eslint-disable-next-line no-control-regex -- looks for just these
  const raw = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/;

  it('reach the terminal without control characters', async () => {
    const cache = await buildCache({ store: diskStore({ directory: join(folder, 'store') }) });
    const life = { ttl: '1h', tags: [`tag${escape}\r\nx`] } as const;
    // On a busy machine the disk may not answer within its deadline.
    await eventually(async () =>
      expect(await cache.set(versionedKey('evil', escape), `${escape}\nforged: line\u202e`, life)).toBe(true),
    );
    await cache.close();
    const key = JSON.stringify(['evil', escape]);
    for (const args of [
      ['get', key, '--show-values'],
      ['get', key, '--show-values', '--json'],
      ['explain', key],
      ['list', 'evil'],
      ['delete', key],
      ['invalidate-tags', escape],
    ]) {
      const { out, err } = await run(...args, ...onStore);
      expect(`${out}${err}`).not.toMatch(raw);
      expect(`${out}${err}`).not.toBe('');
      expect(out.split('\n').some((line) => line.startsWith('forged'))).toBe(false);
    }
    expect(await run(`no${escape}`)).toMatchObject({ code: 2, err: expect.not.stringMatching(raw) as unknown });
  });
});

describe('tiered-cache list', () => {
  it('lists the keys of the versions in force, by their beginning, and digests as such', async () => {
    const directory = join(folder, 'listed');
    const onListed = ['--disk', directory, '--namespace', 'test', '--package-version', '1.0.0'];
    const cache = await buildCache({ store: diskStore({ directory }) });
    for (const id of [1, 2]) await cache.set(versionedKey('product', id), { id }, { ttl: '1h' });
    await cache.set('order', 1, { ttl: '1h' });
    await cache.close();
    const hidden = await buildCache({ store: diskStore({ directory }), keySecret: 'k'.repeat(32) });
    await hidden.set('secret', 1, { ttl: '1h' });
    await hidden.close();
    const all = await run('list', ...onListed);
    expect(all).toMatchObject({ code: 0, err: '' });
    const shown = all.out.trimEnd().split('\n').sort();
    expect(shown.slice(0, 3)).toEqual(['order', 'product:#1', 'product:#2']);
    expect(shown.slice(3)).toEqual([expect.stringMatching(/^~[\w-]{43} {2}\(digest\)$/)]);
    const some = await run('list', 'product', '--json', ...onListed);
    expect(
      some.out
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toHaveLength(2);
    expect(some.err).toContain('1 more stand as digests');
  });

  it('marks a key that is too long for the store, and no other command takes what it shows of it', async () => {
    const directory = join(folder, 'shortened');
    const on = ['--disk', directory, '--namespace', 'test', '--package-version', '1.0.0'];
    const cache = await buildCache({ store: diskStore({ directory }) });
    const parts = ['long', 'y'.repeat(400)];
    await cache.set(versionedKey(...parts), 1, { ttl: '1h' });
    await cache.close();
    const { key, ...marks } = JSON.parse((await run('list', '--json', ...on)).out) as Record<string, string>;
    expect(marks).toEqual({ digest: false, shortened: true });
    expect((await run('list', 'long:', ...on)).out).toBe(`${key}  (shortened)\n`);
    for (const command of ['get', 'explain', 'delete']) {
      const refused = await run(command, String(key), ...on);
      expect(refused).toMatchObject({ code: 2, out: '', err: containing('KEY ends in a digest') });
    }
    expect((await run('get', `["a","b~${'x'.repeat(43)}"]`, ...on)).err).toContain('absent');
    for (const whole of [parts.join(':'), JSON.stringify(parts)]) {
      expect(await run('get', whole, ...on)).toMatchObject({ code: 0, err: '' });
    }
  });

  it('lists what was cleared or has lost its tag, and those commands say so', async () => {
    const directory = join(folder, 'cleared');
    const on = ['--disk', directory, '--namespace', 'test', '--package-version', '1.0.0'];
    const cache = await buildCache({ store: diskStore({ directory }) });
    await cache.set('tagged', 1, { ttl: '1h', tags: ['words'] });
    await cache.close();
    const sentence = 'list shows their keys until the store removes them';
    for (const change of [
      ['invalidate-tags', 'words'],
      ['clear', '--yes'],
    ]) {
      expect(await run(...change, ...on)).toMatchObject({ code: 0, out: containing(sentence) });
      expect((await run('list', ...on)).out).toBe('tagged\n');
      expect((await run('explain', 'tagged', ...on)).out).toContain('invalidated');
    }
  });

  it('lists what memcached holds, by its crawler', async () => {
    const server = await startMemcached();
    try {
      const cache = await buildCache({ store: memcachedStore({ servers: server.address, ...patience }) });
      await cache.set(versionedKey('a b', 'ü%'), 1, { ttl: '1h' });
      await cache.set('plain', 1, { ttl: '1h' });
      await cache.close();
      // What somebody else wrote there: the server takes a key of any bytes in base64.
      const client = connect(Number(server.address.split(':')[1]), '127.0.0.1');
      const forged = Buffer.from(`${cache.storeKey('x')}\nforged: line`).toString('base64');
      client.write(`ms ${forged} 1 b\r\n1\r\n`);
      expect(String((await once(client, 'data'))[0])).toMatch(/^HD/);
      client.destroy();
      const { code, out } = await run(
        'list',
        '--servers',
        server.address,
        '--namespace',
        'test',
        '--package-version',
        '1.0.0',
      );
      expect(code).toBe(0);
      expect(out.trimEnd().split('\n').sort()).toEqual(['a%20b:%C3%BC%25', 'plain']);
    } finally {
      await server.stop();
    }
  });
});

describe('A store key', () => {
  it.each([
    ['get', []],
    ['explain', []],
    ['delete', []],
    ['get', ['--stamp', 's1']],
    ['get', ['--package-version', '2.0.0']],
  ])('is refused by %s with the KEY that it is made of: %p', async (command, options) => {
    const on = [...onStore, ...options];
    const { storeKey } = JSON.parse((await run('explain', 'product:#1', '--json', ...on)).out) as { storeKey: string };
    const refused = await run(command, storeKey, ...on);
    expect(refused).toMatchObject({
      code: 2,
      out: '',
      err: containing(`${storeKey} is a store key: the KEY is product:#1.`),
    });
    expect(await run('list', storeKey.slice(0, -1), ...on)).toMatchObject({
      code: 2,
      err: containing('the PREFIX is product:#.'),
    });
  });

  it('of another version is refused where no key begins so', async () => {
    expect((await run('get', 'test:0.9.0::product:#1', ...onStore)).err).toContain('the KEY is product:#1.');
    for (const key of ['test:0.9.0:stamp:product', '["test","1.0.0","","product"]', 'tester:1.0.0::product']) {
      expect((await run('get', key, ...onStore)).err).toContain('absent');
    }
  });
});

describe('tiered-cache invalidate-tags', () => {
  it('invalidates entries by their tags', async () => {
    const cache = await buildCache({ store: diskStore({ directory: join(folder, 'store') }) });
    await cache.set('tagged', 1, { ttl: '1h', tags: ['catalog:17'] });
    await cache.set('untagged', 1, { ttl: '1h' });
    expect(await run('invalidate-tags', 'catalog:17', 'other', ...onStore)).toMatchObject({ code: 0, err: '' });
    await eventually(async () => expect(await cache.get('tagged')).toBeUndefined());
    expect(await cache.get('untagged')).toBe(1);
    await cache.close();
    expect(await run('invalidate-tags', ...onStore)).toMatchObject({ code: 2, err: containing('one TAG or more') });
  });
});

describe('tiered-cache delete', () => {
  it('says that nothing was there, and how numbers are written', async () => {
    const cache = await buildCache({ store: diskStore({ directory: join(folder, 'store') }) });
    await cache.set(versionedKey('product', 1), 'numbered', { ttl: '1h' });
    const missed = await run('delete', 'product:1', ...onStore);
    expect(missed).toMatchObject({ code: 1, out: '' });
    expect(missed.err).toContain('product:1: absent');
    expect(missed.err).toContain('product:#1 is there: a number is written with # in front.');
    expect(missed.err).toContain('Nothing was removed.');
    for (const look of ['get', 'explain']) {
      const looked = await run(look, 'product:1', ...onStore);
      expect(looked).toMatchObject({ code: 1, err: containing('product:#1 is there') });
    }
    expect(await cache.get(versionedKey('product', 1))).toBe('numbered');
    expect(await run('delete', 'product:#1', ...onStore)).toMatchObject({ code: 0, err: '' });
    expect(await run('delete', 'never:there', ...onStore)).toMatchObject({ code: 1, out: '' });
    await cache.close();
  });
});

describe('tiered-cache keys', () => {
  it('prints the catalogue of a built module, and fails when the committed page is another', async () => {
    const module = join(folder, 'keys.mjs');
    const define = pathToFileURL(join(process.cwd(), 'src/index.ts')).href;
    await writeFile(
      module,
      `import { defineKey, defineObject, randomPart, text } from '${define}';
export const names = defineKey('names:{uid}', { holds: 'a name', codec: text(), ttl: '15m' });
export const faces = defineObject('faces/{uid}/{random}', { holds: 'a face', params: { random: randomPart() } });
`,
    );
    const printed = await run('keys', module);
    expect(printed).toMatchObject({ code: 0, err: '' });
    expect(printed.out).toContain('names:{uid}');
    expect(printed.out).toContain('## Object `faces/{uid}/{random}`');
    await writeFile(join(folder, 'keys.md'), printed.out);
    expect(await run('keys', module, '--check', join(folder, 'keys.md'))).toMatchObject({ code: 0 });
    await writeFile(join(folder, 'keys.md'), `${printed.out}more\n`);
    const outdated = await run('keys', module, '--check', join(folder, 'keys.md'));
    expect(outdated).toMatchObject({
      code: 1,
      err: containing('is out of date. Regenerate it with: npx tiered-cache keys'),
    });
    const missing = await run('keys', module, '--check', join(folder, 'missing.md'));
    expect(missing).toMatchObject({
      code: 1,
      err: containing("missing.md can't be read. Make it with: npx tiered-cache keys"),
    });
  });

  it.each(['md', 'json'])(
    'finds what it has printed up to date, whatever a terminal is not shown of it: %s',
    async (format) => {
      const module = join(folder, 'escaped.mjs');
      const define = pathToFileURL(join(process.cwd(), 'src/index.ts')).href;
      await writeFile(
        module,
        `import { Catalogue, defineKey, text } from '${define}';
const holds = 'what a \u{1f469}\u200d\u{1f4bb} names\u00ad';
export const catalogue = new Catalogue([defineKey('escaped:{uid}', { holds, codec: text(), ttl: '15m' })]);
`,
      );
      const { out } = await run('keys', module, '--format', format);
      expect(out).toContain('\\u200d');
      const page = join(folder, 'escaped');
      await writeFile(page, out);
      expect(await run('keys', module, '--format', format, '--check', page)).toMatchObject({ code: 0, err: '' });
      // The catalogue's own text is the same page.
      await writeFile(page, out.replaceAll('\\u200d', '\u200d').replaceAll('\\u00ad', '\u00ad'));
      expect(await run('keys', module, '--format', format, '--check', page)).toMatchObject({ code: 0, err: '' });
    },
  );

  it.each([
    ['{', /^tiered-cache: package\.json is no JSON object\. See/],
    ['null', /^tiered-cache: package\.json is no JSON object\. See/],
    ['{}', /^tiered-cache: keys needs a module/],
  ])('names what is wrong with package.json, which would name its module: %s', async (text, said) => {
    const [left, application] = [process.cwd(), await mkdtemp(join(folder, 'application-'))];
    await writeFile(join(application, 'package.json'), text);
    process.chdir(application);
    try {
      expect(await run('keys')).toMatchObject({ code: 2, out: '', err: expect.stringMatching(said) });
    } finally {
      process.chdir(left);
    }
  });
});

describe('tiered-cache', () => {
  it('explains itself, and names what is wrong with its arguments', async () => {
    expect(await run('--help')).toMatchObject({ code: 0, err: '' });
    expect(await run()).toMatchObject({ code: 2 });
    for (const command of ['stats', 'list', 'get', 'explain', 'delete', 'invalidate-tags', 'clear', 'keys']) {
      const own = await run(command, '--help');
      expect(own).toMatchObject({ code: 0, err: '' });
      expect(own.out).toMatch(new RegExp(`^tiered-cache ${command}.*: `));
    }
    expect((await run('--version')).out).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect(await run('stats', 'stats', ...onStore)).toMatchObject({
      code: 2,
      err: containing('stats takes options only'),
    });
    expect(await run('stats', '--yes', ...onStore)).toMatchObject({ code: 2, err: containing("'--yes'") });
    expect(await run('frobnicate')).toMatchObject({
      code: 2,
      err: containing("no command 'frobnicate'"),
    });
    expect((await run('stat')).err).toBe(
      "tiered-cache: there is no command 'stat'. Did you mean stats? See 'tiered-cache --help'.\n",
    );
    expect((await run('get', 'a', '--namspace', 'x')).err).toBe(
      "tiered-cache: there is no option '--namspace' here. Did you mean --namespace? See 'tiered-cache get --help'.\n",
    );
    expect((await run('get', 'a', '--url', 'redis://u:hunter2@x')).err).toMatch(/^[^2]*Did you mean --redis\?/);
    expect(await run('get', ...onStore)).toMatchObject({
      code: 2,
      err: containing('give one KEY'),
    });
    expect(await run('get', 'a', '--servers', 'a:b:c')).toMatchObject({
      code: 2,
      err: containing('host:port'),
    });
  });
});
