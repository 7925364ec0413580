import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { diskStore } from '../../src/disk.js';
import { runCommand } from '../../src/cli/run-command.js';
import { buildCache } from '../support/build-cache.js';

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
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(await reader.get('greeting')).toBeUndefined();
    await reader.set('other', 1);
    expect(await run('clear', ...onStore)).toMatchObject({ code: 2, out: '' });
    expect(await run('clear', '--yes', ...onStore)).toMatchObject({ code: 0 });
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(await reader.get('other')).toBeUndefined();
    await reader.close();
  });

  it('says of each part of the store whether it answers', async () => {
    const { code, out } = await run('stats', '--json', ...onStore);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ store: 'disk', shards: [{ answers: true }] });
    const away = await run('stats', '--servers', '127.0.0.1:1', '--namespace', 'test', '--package-version', '1');
    expect(away.code).toBe(1);
    expect(away.out).toContain('does not answer');
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
