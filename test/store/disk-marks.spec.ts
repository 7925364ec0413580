import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { gateBytes } from '../../src/store/disk/commit-gate.js';
import { DiskStore } from '../../src/store/disk/disk-store.js';
import type { DiskStoreTuning } from '../../src/store/disk/disk-store.js';
import { emptyDataFile } from '../../src/store/disk/empty-data-file.js';
import { clearLifelines } from '../../src/store/disk/lifeline.js';
import { drawStamp } from '../../src/store/disk/process-stamp.js';
import { diskDirectory } from '../support/disk-directory.js';
import type { DiskDirectory } from '../support/disk-directory.js';
import { eventually } from '../support/eventually.js';
import { expectInQuiet } from '../support/in-quiet.js';
import { recordEvents } from '../support/recorded-events.js';
import type { RecordedEvents } from '../support/recorded-events.js';
import { startWorker } from '../support/worker-process.js';

const lockedOutMs = 2_000;

let directory: DiskDirectory;
let events: RecordedEvents;
const opened: DiskStore[] = [];

async function openStore(tuning: DiskStoreTuning = {}): Promise<{ store: DiskStore; ms: number }> {
  const store = new DiskStore({ directory: directory.path }, { deadlineMs: 10_000, openWithinMs: 20_000, ...tuning });
  opened.push(store);
  const startedAt = performance.now();
  await store.open();
  return { store, ms: performance.now() - startedAt };
}

const stores = (store: DiskStore): Promise<unknown> =>
  store.shards[0].write('a', Buffer.from('1'), { lifeMs: Infinity }).then(({ status }) => status);

function usersFolder(): string {
  const path = join(directory.path, 'v2', 'users');
  mkdirSync(path, { recursive: true, mode: 0o700 });
  return path;
}

/** As a process of another container could be named, whose id is that of another process here. */
function stampOfAnotherContainer(): string {
  const [, , rest = ''] = drawStamp().split('-');
  const [instance, , boot] = rest.split('.');
  return `1-987654321-${instance}.1234567.${boot}`;
}

/** An opener's lifeline. Its end is that of a killed one: a socket that refuses. */
async function openLifeline(stamp: string, onKnock = (): void => undefined): Promise<{ end(): Promise<void> }> {
  const folder = join(directory.path, 'lifelines');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const server = createServer(onKnock);
  const bound = join(folder, 'bound');
  await new Promise<void>((resolve) => server.listen(bound, resolve));
  renameSync(bound, join(folder, instanceOf(stamp)));
  return {
    async end() {
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** What is left of an opener's lifeline when it was killed. */
const leaveLifeline = async (stamp: string): Promise<void> => (await openLifeline(stamp)).end();

const instanceOf = (stamp: string): string => stamp.split('-')[2]?.split('.')[0] ?? '';

beforeEach(() => {
  directory = diskDirectory();
  events = recordEvents('fault');
});

afterEach(async () => {
  await Promise.all(opened.splice(0).map((store) => store.close()));
  events.stop();
  directory.remove();
});

describe('T11 the mark of a user', () => {
  it('of a process whose id was given to another since is cleared away', async () => {
    // Process 1 is there, and started at another instant.
    for (const stamp of ['1-987654321-abcdef01-0', `1-987654321-abcdef02.1234567.${'f'.repeat(8)}-1`]) {
      writeFileSync(join(usersFolder(), stamp), '');
    }
    const { store, ms } = await openStore();
    expectInQuiet(ms, lockedOutMs);
    expect(await stores(store)).toBe('stored');
    expect(readdirSync(usersFolder())).toHaveLength(1);
    expect(events.all).toEqual([]);
  });

  it('that nobody can judge is respected: a database of its own is used, and said so', async () => {
    const mark = `${stampOfAnotherContainer()}-0`;
    writeFileSync(join(usersFolder(), mark), '');
    const { store, ms } = await openStore();
    expectInQuiet(ms, lockedOutMs);
    expect(await stores(store)).toBe('stored');
    expect(readdirSync(usersFolder())).toEqual([mark]);
    expect(existsSync(join(directory.path, 'v2', 'data.mdb'))).toBe(false);
    expect(events.of('fault')).toMatchObject([
      { kind: 'degraded', message: expect.stringContaining("which the others don't see") as unknown },
    ]);
  });

  it('that nobody can judge is erased where process ids are taken for the whole truth (negative control)', async () => {
    const mark = `${stampOfAnotherContainer()}-0`;
    writeFileSync(join(usersFolder(), mark), '');
    await openStore({ without: 'containers' });
    expect(readdirSync(usersFolder())).not.toContain(mark);
  });
});

describe('the right to open', () => {
  it('of a process that lives is waited for no longer than the deadline of the start, and the store joins later', async () => {
    const lock = join(directory.path, 'v2.lock');
    const holder = drawStamp();
    symlinkSync(holder, lock);
    const { store, ms } = await openStore({ openWithinMs: lockedOutMs });
    expect(ms).toBeGreaterThan(lockedOutMs - 100);
    expectInQuiet(ms, lockedOutMs + 500);
    expect(readlinkSync(lock)).toBe(holder);
    expect(events.of('fault')).toMatchObject([{ kind: 'unavailable' }]);
    rmSync(lock);
    await eventually(async () => expect(await stores(store)).toBe('stored'));
  });

  it('of a holder that nobody can judge is respected, and nobody is locked out', async () => {
    const lock = join(directory.path, 'v2.lock');
    const holder = stampOfAnotherContainer();
    symlinkSync(holder, lock);
    const { store, ms } = await openStore();
    expectInQuiet(ms, lockedOutMs);
    expect(await stores(store)).toBe('stored');
    expect(readlinkSync(lock)).toBe(holder);
  });
});

describe('the mark of an opener', () => {
  it('that ended holds up no transaction', async () => {
    const { store } = await openStore();
    symlinkSync('1-987654321-abcdef01', join(directory.path, 'v2', 'opening'));
    const startedAt = performance.now();
    for (let i = 0; i < 20; i++) expect(await stores(store)).toBe('stored');
    expectInQuiet(performance.now() - startedAt, 1_000);
    // And the next opener is not kept out by it.
    const worker = await startWorker(new URL('../support/disk-worker.ts', import.meta.url), {
      directory: directory.path,
    });
    try {
      expectInQuiet(await worker.call<number>('open'), lockedOutMs);
      expect(await worker.stop()).toBe('0');
    } finally {
      await worker.kill();
    }
  });
});

describe('what an opener of another container left when it was killed', () => {
  it('is cleared away together, mark and lifeline, and the shared database is used', async () => {
    const opener = stampOfAnotherContainer();
    usersFolder();
    symlinkSync(opener, join(directory.path, 'v2', 'opening'));
    await leaveLifeline(opener);
    const { store } = await openStore();
    expect(await stores(store)).toBe('stored');
    expect(events.all).toEqual([]);
    expect(readdirSync(directory.path)).toEqual(['lifelines', 'v2']);
    expect(readdirSync(join(directory.path, 'lifelines'))).not.toContain(instanceOf(opener));
  });

  it('is judged by its lifeline also after another database of the directory was opened', async () => {
    const opener = stampOfAnotherContainer();
    const lock = join(directory.path, 'v2.lock');
    usersFolder();
    symlinkSync(opener, join(directory.path, 'v2', 'opening'));
    await leaveLifeline(opener);
    symlinkSync(stampOfAnotherContainer(), lock);
    const { store: apart } = await openStore();
    expect(events.of('fault')).toMatchObject([{ kind: 'degraded' }]);
    await apart.close();
    rmSync(lock);
    const { store } = await openStore();
    expect(await stores(store)).toBe('stored');
    expect(events.of('fault')).toHaveLength(1);
  });
});

describe('the lifeline of an opener that was killed', () => {
  it.each(['foreign', 'v2.damaged-2026-11-28T06-50-54-000Z', 'v2.discarded-2026-11-28T06-50-54-000Z'])(
    'is cleared away whatever lies beside the databases: %s',
    async (beside) => {
      const opener = drawStamp();
      const users = join(directory.path, beside, 'users');
      mkdirSync(users, { recursive: true, mode: 0o700 });
      writeFileSync(join(users, `${opener}-0`), '');
      await leaveLifeline(opener);
      const { store } = await openStore();
      expect(await stores(store)).toBe('stored');
      expect(readdirSync(join(directory.path, 'lifelines'))).not.toContain(instanceOf(opener));
    },
  );

  it('is looked for when the others may commit again', async () => {
    const isOpening: boolean[] = [];
    // No mark names it, so that nobody else asks for it.
    const living = await openLifeline(drawStamp(), () => {
      isOpening.push(readdirSync(join(directory.path, 'v2')).includes('opening'));
    });
    const { store } = await openStore();
    await eventually(() => expect(isOpening).toEqual([false]));
    expect(await stores(store)).toBe('stored');
    await store.close();
    await living.end();
  });

  it('stays where the marks can’t be read, and nobody is told', async () => {
    const opener = drawStamp();
    await leaveLifeline(opener);
    await clearLifelines(directory.path, () => Promise.reject(new Error('EACCES: permission denied, scandir')));
    expect(readdirSync(join(directory.path, 'lifelines'))).toContain(instanceOf(opener));
  });
});

describe('a thread that ended in a transaction, while its process lives', () => {
  function markBusyThread(slot: number, thread = drawStamp()): string {
    writeFileSync(join(usersFolder(), `${thread}-${slot}`), '');
    const path = join(directory.path, 'v2', 'gate');
    const gate = existsSync(path) ? readFileSync(path) : Buffer.alloc(gateBytes);
    gate[slot] = 1;
    writeFileSync(path, gate);
    return thread;
  }

  const leaveBusyThread = (slot: number, stamp?: string): Promise<void> => leaveLifeline(markBusyThread(slot, stamp));
  const openers = (): number => readdirSync(join(directory.path, 'lifelines')).length;

  /** Opens while a thread is busy that ends once it is waited for. @returns how long it took from then on, in milliseconds. */
  async function openWhileAThreadEnds(): Promise<{ store: DiskStore; ms: number }> {
    const lifeline = await openLifeline(markBusyThread(0));
    const opening = openStore();
    await eventually(() => expect(readdirSync(join(directory.path, 'v2'))).toContain('opening'), { everyMs: 1 });
    const endedAt = performance.now();
    await lifeline.end();
    const { store } = await opening;
    return { store, ms: performance.now() - endedAt };
  }

  it.each([
    ['this container', drawStamp],
    ['another container', stampOfAnotherContainer],
  ])('is given half a second before the database is opened, where it is of %s', async (_, stamp) => {
    await leaveBusyThread(0, stamp());
    const { store, ms } = await openStore();
    expect(ms).toBeGreaterThan(490);
    expect(await stores(store)).toBe('stored');
    expect(events.all).toEqual([]);
    expect(readdirSync(usersFolder())).toHaveLength(1);
  });

  it('is given it also after another user has left, who leaves no clean mark', async () => {
    const { store: before } = await openStore();
    await leaveBusyThread(1);
    await before.close();
    expect(existsSync(join(directory.path, 'v2', 'clean'))).toBe(false);
    const { store, ms } = await openStore();
    expect(ms).toBeGreaterThan(490);
    expect(await stores(store)).toBe('stored');
    expect(readdirSync(usersFolder())).toHaveLength(1);
  });

  it('is given it where it ends while an opener waits for it, and locks nobody out later', async () => {
    const { store: first, ms } = await openWhileAThreadEnds();
    expect(ms).toBeGreaterThan(490);
    expect(await stores(first)).toBe('stored');
    expect([readdirSync(usersFolder()).length, openers()]).toEqual([1, 1]);
    await first.close();
    const { store: second, ms: againMs } = await openStore();
    expectInQuiet(againMs, lockedOutMs);
    expect(await stores(second)).toBe('stored');
    expect(events.all).toEqual([]);
  });

  it('vouches no more for the database when it ends while an opener waits for it', async () => {
    mkdirSync(join(directory.path, 'v2'), { mode: 0o700 });
    writeFileSync(join(directory.path, 'v2', 'data.mdb'), emptyDataFile());
    writeFileSync(join(directory.path, 'v2', 'boot'), 'another');
    const { store } = await openWhileAThreadEnds();
    expect(await stores(store)).toBe('stored');
    expect(events.of('fault')).toMatchObject([
      { kind: 'degraded', message: expect.stringContaining('the machine was restarted while it was open') as unknown },
    ]);
  });

  it.each<[string, (path: string, thread: string) => void]>([
    [
      'a user',
      (path, thread) => {
        mkdirSync(join(path, 'users'), { recursive: true, mode: 0o700 });
        writeFileSync(join(path, 'users', `${thread}-0`), '');
      },
    ],
    [
      'an opener',
      (path, thread) => {
        mkdirSync(path, { mode: 0o700 });
        symlinkSync(thread, join(path, 'opening'));
      },
    ],
    ['a holder of the right to open', (path, thread) => symlinkSync(thread, `${path}.lock`)],
  ])('is judged by its lifeline as %s of another database of the directory', async (_, leaveMark) => {
    const thread = drawStamp();
    leaveMark(join(directory.path, 'v2-another'), thread);
    await leaveLifeline(thread);
    const { store } = await openStore();
    expect(await stores(store)).toBe('stored');
    expect(readdirSync(join(directory.path, 'lifelines'))).toContain(instanceOf(thread));
  });
});

describe('a database of one container', () => {
  const own = (boot: string): string => `v2-1234567.${boot}`;
  const [thisBoot = ''] = drawStamp().split('.').slice(-1);

  function leaveDatabase(name: string, user?: string): void {
    mkdirSync(join(directory.path, name, 'users'), { recursive: true, mode: 0o700 });
    writeFileSync(join(directory.path, name, 'data.mdb'), emptyDataFile());
    if (user !== undefined) writeFileSync(join(directory.path, name, 'users', `${user}-0-1`), '');
  }

  it('goes with the boot of its machine, unless somebody still has it open', async () => {
    const living = '7-987654321-abcdef01.1234567.0badb002';
    leaveDatabase(own('0badb001'), '7-987654321-abcdef02.1234567.0badb001');
    leaveDatabase(`${own('0badb001')}.damaged-2026-11-28T06-50-54-000Z`);
    leaveDatabase(own('0badb002'), living);
    leaveDatabase(own(thisBoot));
    const lifeline = await openLifeline(living);
    const { store } = await openStore();
    expect(await stores(store)).toBe('stored');
    expect(readdirSync(directory.path)).toEqual(['lifelines', 'v2', own('0badb002'), own(thisBoot)].sort());
    await store.close();
    await lifeline.end();
    await store.open();
    expect(readdirSync(directory.path)).toEqual(['lifelines', 'v2', own(thisBoot)].sort());
  });
});

describe('a data file that is made beforehand', () => {
  it('is what LMDB makes of none', async () => {
    const path = join(directory.path, 'made-by-lmdb');
    mkdirSync(path);
    const { open } = await import('lmdb');
    const database = open({ path, noSubdir: false, mapSize: 2 ** 32 });
    await database.close();
    const theirs = readFileSync(join(path, 'data.mdb'));
    // The second page is that of the first transaction, which names the tree's flags.
    expect(theirs.subarray(0, 4_096)).toEqual(emptyDataFile().subarray(0, 4_096));
    expect(theirs).toHaveLength(emptyDataFile().length);
  });
});
