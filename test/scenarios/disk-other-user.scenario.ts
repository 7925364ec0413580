import {
  chmodSync,
  chownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { DiskStore } from '../../src/store/disk/disk-store.js';
import type { DiskStoreTuning } from '../../src/store/disk/disk-store.js';
import { emptyDataFile } from '../../src/store/disk/empty-data-file.js';
import { assertSafeDirectory } from '../../src/store/disk/private-folder.js';
import { bootName } from '../../src/store/disk/process-stamp.js';
import { StoreUnavailableError } from '../../src/value/errors.js';
import { diskDirectory } from '../support/disk-directory.js';
import type { DiskDirectory } from '../support/disk-directory.js';
import { recordEvents } from '../support/recorded-events.js';
import type { RecordedEvents } from '../support/recorded-events.js';

const stranger = 65_534;
const secret = Buffer.alloc(5_000, 's');

let outer: DiskDirectory;
let directory: string;
let victim: string;
let events: RecordedEvents;

beforeEach(() => {
  outer = diskDirectory();
  directory = join(outer.path, 'store');
  mkdirSync(directory);
  victim = join(outer.path, 'victim');
  writeFileSync(victim, secret);
  events = recordEvents('fault');
});

afterEach(() => {
  events.stop();
  outer.remove();
});

/** @returns what the fault says. */
async function refusal(tuning: DiskStoreTuning = {}): Promise<string> {
  const store = new DiskStore({ directory, maxBytes: 2 ** 22 }, tuning);
  await store.open();
  await expect(store.shards[0].write('a', Buffer.from('value'), { lifeMs: 60_000 })).rejects.toThrow(
    StoreUnavailableError,
  );
  await store.close();
  expect(readFileSync(victim).equals(secret)).toBe(true);
  return events
    .of('fault')
    .map(({ message }) => message)
    .join();
}

function ownFolder(): string {
  const path = join(directory, 'v2');
  mkdirSync(path, { mode: 0o700 });
  return path;
}

describe('a folder that somebody else could have made', () => {
  it('is refused when it belongs to another user, with what to do', async () => {
    chownSync(directory, stranger, stranger);
    expect(await refusal()).toMatch(/belongs to user 65534.*chown/);
  });

  /** As a process of that user would find it. */
  async function foundBy(user: number): Promise<void> {
    process.seteuid?.(user);
    try {
      await assertSafeDirectory(directory);
    } finally {
      process.seteuid?.(0);
    }
  }

  it('is refused when it is this user’s and everybody may write to it, and taken when it is root’s, as volumes are', async () => {
    chmodSync(directory, 0o777);
    chmodSync(outer.path, 0o755);
    await foundBy(stranger);
    chownSync(directory, stranger, stranger);
    await expect(foundBy(stranger)).rejects.toThrow(/Everybody may write to.*chmod o-w/);
    chmodSync(directory, 0o1777);
    await foundBy(stranger);
    chmodSync(directory, 0o700);
    await foundBy(stranger);
  });

  it('is refused when the folder inside it belongs to another user', async () => {
    chownSync(ownFolder(), stranger, stranger);
    expect(await refusal()).toMatch(/v2 belongs to user 65534.*remove it/);
  });

  it('is refused when the folder inside it is a link', async () => {
    const theirs = join(outer.path, 'theirs');
    mkdirSync(theirs);
    symlinkSync(theirs, join(directory, 'v2'));
    expect(await refusal()).toMatch(/v2 is a link/);
  });

  it.each(['gate', 'lock.mdb', 'data.mdb', 'boot', 'clean.new'])('is refused when %s in it is a link', async (name) => {
    symlinkSync(victim, join(ownFolder(), name));
    expect(await refusal()).toMatch(new RegExp(`${name} is a link`));
  });

  it('is refused when a file in it has a second name, or belongs to another user', async () => {
    const path = join(ownFolder(), 'gate');
    linkSync(victim, path);
    expect(await refusal()).toMatch(/gate has a second name/);
    chownSync(path, stranger, stranger);
    expect(await refusal()).toMatch(/gate belongs to user 65534/);
  });

  it('keeps what others may read from them, where it is this user’s', async () => {
    const path = ownFolder();
    chmodSync(path, 0o755);
    writeFileSync(join(path, 'boot'), bootName(), { mode: 0o644 });
    writeFileSync(join(path, 'data.mdb'), emptyDataFile(), { mode: 0o644 });
    const store = new DiskStore({ directory, maxBytes: 2 ** 22 });
    await store.open();
    expect(await store.shards[0].write('a', Buffer.from('value'), { lifeMs: 60_000 })).toMatchObject({
      status: 'stored',
    });
    expect(statSync(path).mode & 0o777).toBe(0o700);
    for (const name of ['data.mdb', 'lock.mdb', 'gate', 'boot']) {
      expect(lstatSync(join(path, name)).mode & 0o777).toBe(0o600);
    }
    await store.close();
    expect(events.all).toEqual([]);
  });

  it('stores where another user reads when nobody asks whose it is (negative control)', async () => {
    writeFileSync(victim, emptyDataFile());
    chownSync(victim, stranger, stranger);
    const path = ownFolder();
    writeFileSync(join(path, 'boot'), bootName());
    symlinkSync(victim, join(path, 'data.mdb'));
    const store = new DiskStore({ directory, maxBytes: 2 ** 22 }, { without: 'ownership' });
    await store.open();
    await store.shards[0].write('a', Buffer.from('personal data'), { lifeMs: 60_000 });
    await store.close();
    expect(readFileSync(victim).includes('personal data')).toBe(true);
  });
});
