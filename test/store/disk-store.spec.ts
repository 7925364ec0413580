import { execFile } from 'node:child_process';
import { readdirSync, symlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { DiskStore, diskStore } from '../../src/store/disk/disk-store.js';
import { InvalidOptionError, StoreUnavailableError } from '../../src/value/errors.js';
import { diskDirectory } from '../support/disk-directory.js';
import type { DiskDirectory } from '../support/disk-directory.js';
import { eventually } from '../support/eventually.js';
import { expectInQuiet } from '../support/in-quiet.js';
import { recordEvents } from '../support/recorded-events.js';
import { startWorker } from '../support/worker-process.js';

const run = promisify(execFile);
const forever = { lifeMs: Infinity };
const bytes = (text: string): Buffer => Buffer.from(text);

/** What is tested here is not how fast a loaded machine is. */
const patience = { deadlineMs: 10_000, openWithinMs: 20_000 };

let directory: DiskDirectory;
const opened: DiskStore[] = [];

async function openStore(options: { path?: string; maxBytes?: number; careEachMs?: number } = {}): Promise<DiskStore> {
  const { path = directory.path, maxBytes = 2 ** 26, careEachMs = 1_000 } = options;
  const store = new DiskStore({ directory: path, maxBytes }, { careEachMs, deadlineMs: 10_000, openWithinMs: 20_000 });
  opened.push(store);
  await store.open();
  return store;
}

beforeEach(() => {
  directory = diskDirectory();
});

afterEach(async () => {
  await Promise.all(opened.splice(0).map((store) => store.close()));
  directory.remove();
});

describe('options', () => {
  it.each([[''], ['  '], ['a\0b'], [undefined], [7]])('refuses the directory %j', (given) => {
    expect(() => diskStore({ directory: given as string })).toThrow(InvalidOptionError);
  });

  it.each([[0], [-1], [2 ** 20 - 1], [1.5], [NaN], [Infinity], ['1g']])('refuses %p for maxBytes', (given) => {
    expect(() => diskStore({ directory: '/tmp', maxBytes: given as number })).toThrow(/diskStore\.maxBytes/);
  });

  it('says what to install where lmdb is missing', async () => {
    const hook = `export async function resolve(s, c, n) { if (s === 'lmdb') throw Object.assign(new Error('no lmdb'), { code: 'ERR_MODULE_NOT_FOUND' }); return n(s, c); }`;
    const register = `import { register } from 'node:module'; register("data:text/javascript;base64,${Buffer.from(hook).toString('base64')}");`;
    const script = `
      import { diskStore } from ${JSON.stringify(new URL('../../src/disk.ts', import.meta.url).href)};
      await diskStore({ directory: ${JSON.stringify(directory.path)} }).open().catch((error) => console.log(error.code, error.message));`;
    const { stdout } = await run(
      process.execPath,
      [
        '--import',
        'tsx',
        '--import',
        `data:text/javascript;base64,${Buffer.from(register).toString('base64')}`,
        '--input-type=module',
        '-e',
        script,
      ],
      { env: { ...process.env, NODE_OPTIONS: '' } },
    );
    expect(stdout).toMatch(/^INVALID_OPTION .*npm install "lmdb@\^3\.0\.0"/);
  });
});

describe('items', () => {
  it('outlive the store that wrote them', async () => {
    const before = await openStore();
    await before.shards[0].write('a', bytes('kept'), forever);
    await before.close();
    const after = await openStore();
    expect((await after.shards[0].readMany(['a']))[0]?.bytes.toString()).toBe('kept');
  });

  it('keep their bytes while other keys are read and written', async () => {
    const { shards } = await openStore();
    await shards[0].write('a', Buffer.alloc(5_000, 'a'), forever);
    await shards[0].write('b', Buffer.alloc(200_000, 'b'), forever);
    const [a] = await shards[0].readMany(['a']);
    const [b, again] = await shards[0].readMany(['b', 'a']);
    await shards[0].write('a', Buffer.alloc(5_000, 'c'), forever);
    await shards[0].readMany(['a', 'b']);
    expect(a?.bytes.equals(Buffer.alloc(5_000, 'a'))).toBe(true);
    expect(again?.bytes.equals(Buffer.alloc(5_000, 'a'))).toBe(true);
    expect(b?.bytes.equals(Buffer.alloc(200_000, 'b'))).toBe(true);
  });

  it('are what was given at the call, though the caller changes its buffer before the commit', async () => {
    const { shards } = await openStore();
    const given = bytes('given');
    const writing = shards[0].write('a', given, forever);
    given.fill('x');
    await writing;
    expect((await shards[0].readMany(['a']))[0]?.bytes.toString()).toBe('given');
  });

  it('may be as large as an eighth of the store, and no larger', async () => {
    const { shards } = await openStore({ maxBytes: 8 * 2 ** 20 });
    const largest = Buffer.alloc(2 ** 20, 7);
    expect(await shards[0].write('a', largest, forever)).toMatchObject({ status: 'stored' });
    expect((await shards[0].readMany(['a']))[0]?.bytes.equals(largest)).toBe(true);
    expect(await shards[0].write('a', Buffer.alloc(2 ** 20 + 1), forever)).toEqual({
      status: 'too-large',
      maxBytes: 2 ** 20,
    });
    expect(await shards[0].readMany(['a'])).toEqual([undefined]);
  });

  it('carry revisions that a reopened database goes on from, and that another database never matches', async () => {
    const first = await openStore();
    const stored = await first.shards[0].write('a', bytes('1'), forever);
    if (stored.status !== 'stored') throw new Error(stored.status);
    await first.close();
    const second = await openStore();
    const next = await second.shards[0].write('a', bytes('2'), { ...forever, only: stored.revision });
    if (next.status !== 'stored') throw new Error(next.status);
    expect(Number(next.revision.number)).toBeGreaterThan(Number(stored.revision.number));
    await second.close();
    rmSync(join(directory.path, 'v2'), { recursive: true });
    const third = await openStore();
    await third.shards[0].write('a', bytes('3'), forever);
    expect(await third.shards[0].write('a', bytes('4'), { ...forever, only: next.revision })).toEqual({
      status: 'changed',
    });
    expect(await third.shards[0].remove('a', next.revision)).toBe('changed');
  });

  it('keep their revision when they are touched', async () => {
    const { shards } = await openStore();
    await shards[0].write('a', bytes('1'), { lifeMs: 30_000 });
    const [before] = await shards[0].readMany(['a']);
    expect(await shards[0].touch('a', 60_000)).toBe(true);
    const [after] = await shards[0].readMany(['a']);
    expect([after?.bytes, after?.revision]).toEqual([before?.bytes, before?.revision]);
  });

  it('are decided on in the order they were asked for, within one turn', async () => {
    const { shards } = await openStore();
    const outcomes = await Promise.all([
      shards[0].write('a', bytes('1'), { ...forever, only: 'absent' }),
      shards[0].write('a', bytes('2'), { ...forever, only: 'absent' }),
      shards[0].remove('a'),
      shards[0].write('a', bytes('3'), { ...forever, only: 'absent' }),
      shards[0].remove('b'),
      shards[0].write('a', bytes('4'), forever),
    ]);
    expect(outcomes.map((outcome) => (typeof outcome === 'string' ? outcome : outcome.status))).toEqual([
      'stored',
      'exists',
      'removed',
      'stored',
      'absent',
      'stored',
    ]);
    expect((await shards[0].readMany(['a']))[0]?.bytes.toString()).toBe('4');
  });
});

describe('one directory', () => {
  it('is shared by the stores of a process, under whatever path, and stays open until the last closes', async () => {
    symlinkSync(directory.path, `${directory.path}-link`);
    try {
      const a = await openStore();
      const b = await openStore({ path: `${directory.path}-link` });
      const c = await openStore({ path: join(directory.path, '..', directory.path.split('/').at(-1) ?? '') });
      const stored = await a.shards[0].write('a', bytes('1'), forever);
      if (stored.status !== 'stored') throw new Error(stored.status);
      expect(await b.shards[0].readMany(['a'])).toMatchObject([{ bytes: bytes('1'), revision: stored.revision }]);
      await a.close();
      await c.close();
      expect(await b.shards[0].write('a', bytes('2'), { ...forever, only: stored.revision })).toMatchObject({
        status: 'stored',
      });
      await expect(a.shards[0].readMany(['a'])).rejects.toThrow(StoreUnavailableError);
    } finally {
      rmSync(`${directory.path}-link`);
    }
  });

  it('takes what one store asks for in the turn in which another closes', async () => {
    const events = recordEvents('fault');
    try {
      const a = await openStore();
      const b = await openStore();
      const last = a.shards[0].write('x', bytes('1'), forever);
      const stub = a.shards[0].readOrStub(['stub'], 60_000);
      const closed = a.close();
      const other = b.shards[0].write('y', bytes('2'), forever);
      expect(await other).toMatchObject({ status: 'stored' });
      expect(await last).toMatchObject({ status: 'stored' });
      await Promise.allSettled([stub, closed]);
      expect(events.all).toEqual([]);
    } finally {
      events.stop();
    }
  });

  it('is removed under two processes, and both go on with one new database', async () => {
    const worker = await startWorker(new URL('../support/disk-worker.ts', import.meta.url), {
      directory: directory.path,
      tuning: { careEachMs: 50 },
    });
    const store = await openStore({ careEachMs: 50, ...patience });
    try {
      await worker.call('open');
      await store.shards[0].write('old', bytes('1'), forever);
      rmSync(join(directory.path, 'v2'), { recursive: true });
      await eventually(async () => {
        expect(await store.shards[0].readMany(['old'])).toEqual([undefined]);
        await worker.call('write', 'new', 'by the worker');
        expect((await store.shards[0].readMany(['new']))[0]).toBeDefined();
        expect(await worker.call('look', 'old')).toEqual({ found: 'absent' });
      });
      expect(await worker.stop()).toBe('0');
    } finally {
      await worker.kill();
    }
  });

  it('is opened though a process died while it held the right to open', async () => {
    symlinkSync('999999-1 dead', join(directory.path, 'v2.lock'));
    const start = performance.now();
    const store = await openStore();
    expect(await store.shards[0].write('a', bytes('1'), forever)).toMatchObject({ status: 'stored' });
    expectInQuiet(performance.now() - start, 2_000);
    expect(readdirSync(directory.path)).toEqual(['lifelines', 'v2']);
  });
});

describe('expired items', () => {
  it('are removed without being read', async () => {
    const { shards } = await openStore({ careEachMs: 20 });
    await Promise.all(
      Array.from({ length: 2_000 }, (_, i) => shards[0].write(`short${i}`, Buffer.alloc(500), { lifeMs: 50 })),
    );
    await shards[0].write('long', bytes('1'), forever);
    const entries = (): number =>
      (
        shards[0] as unknown as { local: { held: { database: { usage(): { entries: number } } } } }
      ).local.held.database.usage().entries;
    expect(entries()).toBeGreaterThanOrEqual(2_001);
    // `long`, and the store's own records.
    await eventually(() => expect(entries()).toBeLessThan(10));
    expect((await shards[0].readMany(['long']))[0]?.bytes.toString()).toBe('1');
  });
});

describe('closing', () => {
  it('settles what is under way and refuses what comes', async () => {
    const store = await openStore();
    const writes = Array.from({ length: 200 }, (_, i) => store.shards[0].write(`k${i}`, bytes('1'), forever));
    const settled = Promise.allSettled(writes);
    await store.close();
    for (const outcome of await settled) {
      if (outcome.status === 'rejected') expect(outcome.reason).toBeInstanceOf(StoreUnavailableError);
    }
    await expect(store.shards[0].readMany(['a'])).rejects.toThrow(StoreUnavailableError);
    await expect(store.shards[0].write('a', bytes('1'), forever)).rejects.toThrow(StoreUnavailableError);
  });

  it('leaks nothing in 100 rounds, and lets the process end', async () => {
    const script = `
      import { readdirSync } from 'node:fs';
      import { DiskStore } from ${JSON.stringify(new URL('../../src/store/disk/disk-store.ts', import.meta.url).href)};
      const count = () => [readdirSync('/proc/self/fd').length, readdirSync('/proc/self/task').length, process.getActiveResourcesInfo().length];
      let before;
      for (let round = 0; round < 100; round++) {
        const store = new DiskStore({ directory: ${JSON.stringify(directory.path)} }, ${JSON.stringify(patience)});
        await store.open();
        await store.shards[0].write('a', Buffer.from('1'), { lifeMs: 1000 });
        await store.close();
        if (round === 4) before = count();
      }
      console.log(JSON.stringify([before, count()]));`;
    const { stdout, stderr } = await run(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    const [before, after] = JSON.parse(stdout) as [number[], number[]];
    expect(after).toEqual(before);
    expect(stderr).toBe('');
    expect(readdirSync(join(directory.path, 'v2', 'users'))).toEqual([]);
  });
});

it('reports nothing in all of this', async () => {
  const events = recordEvents('fault');
  const store = await openStore();
  await store.shards[0].write('a', bytes('1'), forever);
  await store.close();
  await openStore();
  events.stop();
  expect(events.all).toEqual([]);
});
