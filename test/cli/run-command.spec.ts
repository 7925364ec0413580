import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { memcachedStore } from '../../src/memcached.js';
import { diskStore } from '../../src/disk.js';
import { runCommand } from '../../src/cli/run-command.js';
import { buildCache } from '../support/build-cache.js';
import { eventually } from '../support/eventually.js';
import { startMemcached } from '../support/memcached-process.js';

async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const printed = { out: '', err: '' };
  const code = await runCommand(args, {
    out: (text) => void (printed.out += text),
    err: (text) => void (printed.err += text),
  });
  return { code, ...printed };
}

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
          ...{ answers: true, entries: number, bytes: number, maxBytes: 2 ** 30, fileBytes: number },
        },
      ],
    ]);
    const away = await run('stats', '--servers', '127.0.0.1:1', '--namespace', 'test', '--package-version', '1');
    expect(away.code).toBe(1);
    expect(away.out).toContain('does not answer');
  });
});

describe('tiered-cache stats', () => {
  it('prints a table: a line for each server, with what it counts', async () => {
    const servers = await Promise.all([startMemcached(), startMemcached({ args: ['-m', '128'] })]);
    try {
      const cache = await buildCache({ store: memcachedStore({ servers: servers.map(({ address }) => address) }) });
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
      expect(away).toEqual({ shard: 'memcached 127.0.0.1:1', answers: false });
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

describe('tiered-cache keys', () => {
  it('prints the catalogue of a built module, and fails when the committed page is another', async () => {
    const module = join(folder, 'keys.mjs');
    const define = pathToFileURL(join(process.cwd(), 'src/index.ts')).href;
    await writeFile(
      module,
      `import { defineKey, text } from '${define}';\nexport const names = defineKey('names:{uid}', { holds: 'a name', codec: text(), ttl: '15m' });\n`,
    );
    const printed = await run('keys', module);
    expect(printed).toMatchObject({ code: 0, err: '' });
    expect(printed.out).toContain('names:{uid}');
    await writeFile(join(folder, 'keys.md'), printed.out);
    expect(await run('keys', module, '--check', join(folder, 'keys.md'))).toMatchObject({ code: 0 });
    await writeFile(join(folder, 'keys.md'), `${printed.out}more\n`);
    expect(await run('keys', module, '--check', join(folder, 'keys.md'))).toMatchObject({ code: 1 });
  });
});

describe('tiered-cache', () => {
  it('explains itself, and names what is wrong with its arguments', async () => {
    expect(await run('--help')).toMatchObject({ code: 0, err: '' });
    expect(await run()).toMatchObject({ code: 2 });
    expect(await run('frobnicate')).toMatchObject({
      code: 2,
      err: containing("no command 'frobnicate'"),
    });
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
