import { execFileSync } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { runCommand } from '../../src/cli/run-command.js';
import { startRedis } from '../support/redis-process.js';
import type { RedisProcess } from '../support/redis-process.js';

/** What an open file of this process was opened as; empty: it is closed by now. */
function openedAs(fd: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return '';
  }
}

describe('tiered-cache backup, verify and restore redis', () => {
  let server: RedisProcess;
  let folder: string;
  beforeAll(async () => {
    server = await startRedis();
    folder = mkdtempSync(join(tmpdir(), 'cli-backup-'));
  });
  afterAll(async () => {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const run = async (...args: string[]) => {
    let [out, err] = ['', ''];
    const code = await runCommand(args, { out: (text) => void (out += text), err: (text) => void (err += text) });
    return { code, out, err };
  };

  it('takes a backup beside its manifest, verifies it, and restores it', async () => {
    await server.command('MSET', 'a', '1', 'b', '2');
    await server.command('SET', 'c', '3', 'EX', 100);
    const file = join(folder, 'redis.bak');
    const taken = await run('backup', 'redis', file, '--url', server.url);
    expect([taken.code, taken.out]).toEqual([0, '']);
    expect(taken.err).toMatch(/2 keys in \d+ bytes; not in it: 1 expire, 0 went and 0 came/);
    expect(readdirSync(folder).filter((name) => name.includes('unfinished'))).toEqual([]);
    expect(JSON.parse(readFileSync(`${file}.manifest.json`, 'utf8'))).toMatchObject({ records: 2, mode: 'strict' });

    expect(await run('verify', 'redis', file)).toMatchObject({
      code: 0,
      out: expect.stringMatching(/2 keys.*Whole\./),
    });
    const inTheWay = await run('restore', 'redis', file, '--url', server.url);
    expect(inTheWay).toMatchObject({
      code: 1,
      err: expect.stringMatching(/keys are there already. Nothing was restored/),
    });
    await server.command('FLUSHALL');
    const restored = await run('restore', 'redis', file, '--url', server.url);
    expect(restored).toMatchObject({ code: 0, out: '2 keys restored, 0 of them in place of others.\n' });
    expect(restored.err).toMatch(
      /^verifying: 2 of 2 keys, 0.0 of 0.0 MB.*\nrestoring: 0 of 2 keys.*\ndone: 2 of 2 keys/,
    );
    expect(String(await server.command('MGET', 'a', 'b', 'c'))).toBe('1,2,');
    expect(await run('restore', 'redis', file, '--replace', '--url', server.url)).toMatchObject({
      code: 0,
      out: expect.stringMatching(/2 of them/),
    });

    const alone = join(folder, 'alone.bak');
    writeFileSync(alone, readFileSync(file));
    expect((await run('verify', 'redis', alone)).out).toMatch(/can not be told whether the end is missing/);
    truncateSync(file, readFileSync(file).length / 2);
    expect(await run('verify', 'redis', file)).toMatchObject({
      code: 1,
      err: expect.stringMatching(/damaged.*None of it is restored: take another backup\.$/m),
    });
    const damaged = await run('restore', 'redis', file, '--replace', '--url', server.url);
    expect(damaged).toMatchObject({
      code: 1,
      err: expect.stringMatching(/^verifying: 1 of 2 keys.*\n.*None of it is restored/),
    });
    expect(damaged.err).not.toContain('Some keys');
  });

  it('lets nobody else read the backup and its manifest, also over files that others may read', async () => {
    const file = join(folder, 'secret.bak');
    writeFileSync(file, 'earlier');
    expect((await run('backup', 'redis', file, '--url', server.url)).code).toBe(0);
    expect([file, `${file}.manifest.json`].map((path) => statSync(path).mode & 0o077)).toEqual([0, 0]);
  });

  it('ends once the names of the backup and of its manifest last: the folders that they are in are synced', async () => {
    const there = await open(folder);
    const files = Object.getPrototypeOf(there) as FileHandle;
    await there.close();
    const synced: { path: string; names: string[] }[] = [];
    const spy = jest.spyOn(files, 'sync').mockImplementation(async function (this: FileHandle) {
      const path = openedAs(`${this.fd}`);
      if (statSync(path).isDirectory()) synced.push({ path, names: readdirSync(path) });
    });
    const beside = mkdtempSync(join(folder, 'manifests-'));
    try {
      const file = join(folder, 'lasting.bak');
      const taken = await run('backup', 'redis', file, '--manifest', join(beside, 'm.json'), '--url', server.url);
      expect(taken.code).toBe(0);
    } finally {
      spy.mockRestore();
    }
    expect(synced).toEqual([
      { path: folder, names: expect.arrayContaining(['lasting.bak']) as unknown },
      { path: beside, names: ['m.json'] },
    ]);
  });

  it('keeps one whole backup of two that are taken into one file at once', async () => {
    for (let n = 0; n < 40; n++) await server.command('SET', `key:${n}`, randomBytes(100_000));
    const file = join(folder, 'twice.bak');
    const both = await Promise.all([1, 2].map(() => run('backup', 'redis', file, '--complete', '--url', server.url)));
    expect(both.map(({ code, err }) => [code, code === 0 ? '' : err])).toEqual([
      [0, ''],
      [0, ''],
    ]);
    expect(await run('verify', 'redis', file)).toMatchObject({ code: 0, out: expect.stringMatching(/Whole\./) });
    expect(
      readdirSync(folder)
        .filter((name) => name.startsWith('twice.bak'))
        .sort(),
    ).toEqual(['twice.bak', 'twice.bak.manifest.json']);
    await server.command('FLUSHALL');
  });

  it('restores what it has verified, also where another backup gets its name meanwhile', async () => {
    const [file, other] = [join(folder, 'verified.bak'), join(folder, 'other.bak')];
    for (const [path, key] of [
      [file, 'verified'],
      [other, 'other'],
    ] as const) {
      await server.command('FLUSHALL');
      await server.command('SET', key, 'x');
      expect((await run('backup', 'redis', path, '--url', server.url)).code).toBe(0);
    }
    await server.command('FLUSHALL');
    const code = await runCommand(['restore', 'redis', file, '--url', server.url], {
      out: () => {},
      err: (text) => {
        if (text.startsWith('verifying')) renameSync(other, file);
      },
    });
    expect([code, await server.command('EXISTS', 'verified', 'other')]).toEqual([0, 1]);
    expect(await server.text('GET', 'verified')).toBe('x');
    await server.command('FLUSHALL');
  });

  it('says that keys may be restored by now, and how to go on, where a restore of few keys fails in the middle', async () => {
    await server.command('FLUSHALL');
    await server.command('MSET', 'a', '1', 'b', '2');
    const file = join(folder, 'partial.bak');
    expect((await run('backup', 'redis', file, '--url', server.url)).code).toBe(0);
    await server.command('FLUSHALL');
    await server.command('ACL', 'SETUSER', 'partial', 'reset', 'on', 'nopass', '+@all', '%RW~a', '%R~b');
    const url = `redis://partial:any@${server.address}`;
    const failed = await run('restore', 'redis', file, '--url', url);
    expect(failed).toMatchObject({
      code: 1,
      err: expect.stringMatching(/Some keys may be restored by now\. Run it again with --replace\.\n.*NOPERM/),
    });
    expect(await server.command('EXISTS', 'a', 'b')).toBe(1);
    // What is refused as a whole has restored nothing.
    const again = await run('restore', 'redis', file, '--url', url);
    expect(again.err).toMatch(/Nothing was restored/);
    expect(again.err).not.toContain('Some keys');
    const goneOn = await run('restore', 'redis', file, '--replace', '--url', server.url);
    expect(goneOn).toMatchObject({ code: 0, out: '2 keys restored, 1 of them in place of others.\n' });
    await server.command('FLUSHALL');
  });

  it('keeps what waits for its end in files that end with the process', async () => {
    await server.command('MSET', 'a', '1', 'b', '2');
    const seen: string[][] = [];
    const code = await runCommand(['backup', 'redis', join(folder, 'spooled.bak'), '--url', server.url], {
      out: () => {},
      err: (text) => {
        if (!text.startsWith('dumping')) return;
        const spool = readdirSync(folder).find((name) => name.startsWith('redis-backup-'));
        seen.push(spool === undefined ? ['none'] : readdirSync(join(folder, spool)));
      },
    });
    expect([code, seen]).toEqual([0, [[]]]);
  });

  it('removes what runs into the same file left behind more than a day ago, and nothing else', async () => {
    const file = join(folder, 'nightly.bak');
    const left = `${file}.${randomUUID()}.unfinished`;
    const others = [
      `${file}.${randomUUID()}.unfinished`,
      `${file}.old.unfinished`,
      `${left}.kept`,
      `x${randomUUID()}.unfinished`,
    ];
    for (const path of [left, ...others.map((other) => resolve(folder, other))]) writeFileSync(path, 'half');
    for (const path of [left, ...others.slice(1)]) utimesSync(resolve(folder, path), 0, 0);
    expect((await run('backup', 'redis', file, '--url', server.url)).code).toBe(0);
    expect(existsSync(left)).toBe(false);
    expect(others.filter((other) => !existsSync(resolve(folder, other)))).toEqual([]);
  });

  it('says in one line that a backup went before it was read', async () => {
    const [file, manifest] = [join(folder, 'going.bak'), join(folder, 'pipe')];
    writeFileSync(file, '');
    execFileSync('mkfifo', [manifest]);
    const verifying = run('verify', 'redis', file, '--manifest', manifest);
    // It can be opened once the command reads the manifest: it has seen the backup by then.
    const pipe = await open(manifest, 'w');
    rmSync(file);
    await pipe.writeFile(JSON.stringify({ format: 'redis-dump-chunks/1', records: 0, bytes: 0, sha256: '' }));
    await pipe.close();
    expect(await verifying).toEqual({
      code: 1,
      out: '',
      err: expect.stringMatching(/^tiered-cache: ENOENT.*going\.bak'\n$/),
    });
    // A stream of the file would have told of its error by now.
    await expect(open(file)).rejects.toThrow('ENOENT');
  });

  it('says what the system and the server refuse, in one line, without a password', async () => {
    const nowhere = await run('backup', 'redis', '/nowhere/x.bak', '--url', server.url);
    expect(nowhere).toEqual({
      code: 2,
      out: '',
      err: "tiered-cache: there is no folder /nowhere. See 'tiered-cache backup --help'.\n",
    });
    const url = `redis://nobody:hunter2@${server.address}`;
    const refused = await run('backup', 'redis', join(folder, 'refused.bak'), '--url', url);
    expect(refused).toMatchObject({ code: 1, err: expect.stringMatching(/it refuses the connection \(WRONGPASS/) });
    expect(refused.err).not.toContain('hunter2');
  });

  it.each([
    ['the manifest', 'in no folder', 'asked.bak', '/nowhere/m.json', 2, 'there is no folder /nowhere'],
    ['the backup', 'in no folder', '/nowhere/asked.bak', 'm.json', 2, 'there is no folder /nowhere'],
    ['the manifest', 'a folder', 'asked.bak', 'there', 2, 'there is no file'],
    ['the manifest', 'a folder with a slash', 'asked.bak', 'there/', 2, 'there/ is no file'],
    ['the backup', 'a folder', 'there', 'm.json', 2, 'there is no file'],
    ['the backup', 'a device', 'device', 'm.json', 2, 'device is no file'],
    ['the backup', 'the manifest', 'm.json', './m.json', 2, 'm.json .* the backup and the manifest'],
  ])(
    'asks Redis for nothing where %s would be %s, and leaves nothing behind',
    async (_, __, file, manifest, code, said) => {
      await server.command('MSET', 'a', '1', 'b', '2');
      const mine = mkdtempSync(join(folder, 'asked-'));
      mkdirSync(join(mine, 'there'));
      symlinkSync('/dev/null', join(mine, 'device'));
      const inMine = (path: string) => (path.startsWith('/') ? path : `${mine}/${path}`);
      const paths = [inMine(file), '--manifest', inMine(manifest)];
      const refused = await run('backup', 'redis', ...paths, '--url', server.url);
      expect(refused).toEqual({
        code,
        out: '',
        err: expect.stringMatching(new RegExp(`^tiered-cache: .*${said}.*\n$`)),
      });
      expect(readdirSync(mine, { recursive: true }).sort()).toEqual(['device', 'there']);
      expect(readdirSync('/proc/self/fd').filter((fd) => openedAs(fd).startsWith(mine))).toEqual([]);
    },
  );

  it.each([
    ['FILE', ['']],
    ['--manifest', ['x.bak', '--manifest', '']],
  ])('asks Redis for nothing where %s is empty', async (_, paths) => {
    const refused = await run('backup', 'redis', ...paths, '--url', server.url);
    expect(refused).toEqual({ code: 2, out: '', err: expect.stringMatching(/^tiered-cache: '' is no file.*\n$/) });
  });

  it('keeps an earlier manifest where the backup gets no name', async () => {
    await server.command('MSET', 'a', '1', 'b', '2');
    const file = join(folder, 'replaced.bak');
    writeFileSync(`${file}.manifest.json`, 'earlier');
    const code = await runCommand(['backup', 'redis', file, '--url', server.url], {
      out: () => {},
      err: (text) => {
        if (text.startsWith('done')) mkdirSync(file);
      },
    });
    expect([code, readFileSync(`${file}.manifest.json`, 'utf8')]).toEqual([1, 'earlier']);
    expect(readdirSync(folder).filter((name) => name.startsWith('replaced.bak.'))).toEqual([
      'replaced.bak.manifest.json',
    ]);
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)('leaves nothing behind when it is ended by %s', async (signal, code) => {
    await server.command('MSET', 'a', '1', 'b', '2');
    const file = join(folder, `${signal}.bak`);
    let err = '';
    const ended = await runCommand(['backup', 'redis', file, '--url', server.url], {
      out: () => {},
      err: (text) => {
        // It has begun.
        if (err === '') process.emit(signal, signal);
        err += text;
      },
    });
    expect([ended, err]).toEqual([code, expect.stringMatching(new RegExp(`interrupted by ${signal}`))]);
    expect(readdirSync(folder).filter((name) => /SIG|redis-backup/.test(name))).toEqual([]);
    expect(process.listenerCount(signal)).toBe(0);
  });

  it.each<[string[], RegExp]>([
    [['backup', 'redis', '-'], /--manifest FILE/],
    [['backup', 'disk', 'x'], /say what: 'redis'/],
    [['verify', 'redis'], /give one FILE/],
    [['verify', 'redis', '/nowhere/x'], /there is no file/],
    [['restore', 'redis', 'package.json', '--manifest', '/nowhere/m'], /there is no manifest/],
    [['backup', 'redis', 'x', '--url', 'redis://u:hunter2@'], /a host is missing/],
    [
      ['backup', 'redis', 'x', '--nonsense'],
      /no option '--nonsense' here. It takes --manifest, --url, --complete\. See/,
    ],
    [
      ['backup', 'redis', 'x', '--redis', 'redis://u:hunter2@localhost'],
      /no option '--redis' here. Did you mean --url\? See/,
    ],
    [['backup', 'redis', 'x', '--redis=redis://u:hunter2@localhost'], /Did you mean --url\? See/],
    [['restore', 'redis', 'x', '--manifests', 'm'], /Did you mean --manifest\? See/],
    [['backup', 'redis', 'x', '--url'], /'--url <value>' argument missing\. See/],
    [['backup', 'redis', 'x', '--url', '--complete'], /'--url' argument is ambiguous\. See/],
    [['backup', 'redis', '/nowhere/x', '--replace'], /no option '--replace' here/],
    [['verify', 'redis', 'package.json', '--replace'], /no option '--replace' here/],
    [['verify', 'redis', 'package.json', '--complete'], /no option '--complete' here/],
    [
      ['verify', 'redis', 'package.json', '--url', 'redis://u:hunter2@localhost'],
      /no option '--url' here. It takes --manifest\. See/,
    ],
    [['restore', 'redis', 'package.json', '--complete'], /no option '--complete' here/],
  ])('%j says what is wrong, and no password', async (args, problem) => {
    const { code, err } = await run(...args);
    expect([code, err]).toEqual([2, expect.stringMatching(problem)]);
    expect(err).not.toContain('hunter2');
  });
});
