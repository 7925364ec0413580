import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import { fileName } from '../../src/file/file-feed.js';
import { encodeHeader } from '../../src/file/file-header.js';
import { FilePlace, fileId, filesFolder } from '../../src/file/file-place.js';
import { headerOfObject } from '../../src/file/header-of-object.js';
import type { TieredFiles } from '../../src/file/tiered-files.js';
import { versionedKey } from '../../src/key/key.js';
import type { ObjectHead, ObjectStore } from '../../src/object/object-store.js';
import { memoryStore } from '../../src/store/memory-store.js';
import { systemClock } from '../../src/value/clock.js';
import type { Clock } from '../../src/value/clock.js';
import { buildCache } from '../support/build-cache.js';
import { diskDirectory } from '../support/disk-directory.js';
import { eventually } from '../support/eventually.js';
import { FaultyStore } from '../support/faulty-store.js';
import { logRead } from '../support/log-read.js';
import { syncedFrom } from '../support/synced-from.js';
import { recordEvents } from './support/file-events.js';
import { FilesBench, patterned, readAll } from './support/files-bench.js';

const content = patterned(300_000);
const newer = Buffer.from(content).reverse();
const request = { uid: 'f1', key: 'media/one' };

let bench: FilesBench;
let caches: TieredCache[];
const elsewhere = diskDirectory();
beforeEach(async () => {
  bench = new FilesBench();
  caches = [];
  await bench.objects.put(request.key, content);
});
afterEach(async () => {
  jest.restoreAllMocks();
  await bench.dispose();
  await Promise.all(caches.map((cache) => cache.close()));
  elsewhere.remove();
});

/** Two hosts: a folder each, and a store that their caches share. */
async function twoHosts(keySecret?: string): Promise<{ here: TieredFiles; there: TieredFiles }> {
  const store = memoryStore();
  caches = await Promise.all(
    ['here', 'there'].map((name) =>
      buildCache({ name, store, coherence: { interval: 20 }, ...(keySecret && { keySecret }) }),
    ),
  );
  const [one, other] = caches as [TieredCache, TieredCache];
  return { here: bench.files({ cache: one }), there: bench.files({ cache: other, directory: elsewhere.path }) };
}

const keep = async (files: TieredFiles, uid = request.uid): Promise<void> => {
  await readAll(await files.open({ ...request, uid }));
  await eventually(async () => expect((await files.open({ ...request, uid })).source).toBe('disk'));
};

/** A promise that the test resolves. */
function gate(): { readonly opened: Promise<void>; readonly open: () => void } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open: () => open() };
}

/** Whoever came before this has looked for a file by now. */
const lookedForBefore = (files: TieredFiles): Promise<void> =>
  expect(files.open({ uid: 'f2', key: 'media/absent' })).rejects.toMatchObject({ code: 'OBJECT_NOT_FOUND' });

/** `lose` makes a gap of the feed, in which anything may have been purged. */
async function losingPurges(
  objects: ObjectStore,
  clock: Clock = systemClock,
): Promise<{ files: TieredFiles; lose: () => Promise<void> }> {
  const store = memoryStore();
  const [cache, other] = await Promise.all(
    ['here', 'there'].map((name) => buildCache({ name, store, coherence: { interval: 20 } })),
  );
  caches = [cache, other] as TieredCache[];
  await Promise.all(caches.map((one) => one.set(one.name, 1)));
  const lose = async (): Promise<void> => {
    const cleared = recordEvents('nearCleared');
    await (other as TieredCache).dangerouslyClear();
    await eventually(() => expect(cleared.seen).toContainEqual(expect.objectContaining({ cache: 'here' })));
    cleared.stop();
  };
  return { files: bench.files({ store: objects, cache: cache as TieredCache, clock }), lose };
}

describe('A purge', () => {
  it('takes the copy away, and what was remembered of the file', async () => {
    const files = bench.files();
    await keep(files);
    await bench.objects.put(request.key, newer);
    expect((await readAll(await files.open(request))).equals(content)).toBe(true);
    expect(await files.purge(request)).toBe(true);
    expect((await readAll(await files.open(request))).equals(newer)).toBe(true);
    expect((await files.status()).usedBytes).toBeLessThan(newer.length + 10_000);
  });

  it('between the request of a download and its first byte is not undone by it', async () => {
    let open = (): void => undefined;
    const gate = new Promise<void>((resolve) => (open = resolve));
    let asked = 0;
    const store = bench.counted({ beforeOpen: () => void asked++ });
    // The answer is the old version's, and comes after the purge.
    const slow = {
      ...store,
      open: async (...all: Parameters<typeof store.open>) => {
        const opened = await store.open(...all);
        if (asked === 1) await gate;
        return opened;
      },
    };
    const files = bench.files({ store: slow });
    const late = files.open(request);
    await eventually(() => expect(asked).toBe(1));
    await bench.objects.put(request.key, newer);
    await files.purge(request);
    const fresh = await files.open(request);
    open();
    expect((await readAll(fresh)).equals(newer)).toBe(true);
    await readAll(await late);
    await eventually(async () => expect((await files.status()).fills).toBe(0));
    expect((await readAll(await files.open(request))).equals(newer)).toBe(true);
  });

  it.each([
    ['readable', undefined],
    ['hidden', 'a secret of 32 bytes, or of more'],
  ])('reaches the hosts whose caches share a store, where names are %s', async (_, keySecret) => {
    const { here, there } = await twoHosts(keySecret);
    await keep(here);
    await keep(there);
    await bench.objects.put(request.key, newer);
    expect(await here.purge(request)).toBe(true);
    await logRead('there');
    expect((await readAll(await there.open(request))).equals(newer)).toBe(true);
  });

  it('reaches them as the deletion of the file’s key, however long its uid', async () => {
    const { there } = await twoHosts();
    const uid = `f-${'x'.repeat(300)}`;
    await keep(there, uid);
    await bench.objects.put(request.key, newer);
    await (caches[0] as TieredCache).delete(versionedKey('s3_files', uid));
    await logRead('there');
    expect((await readAll(await there.open({ ...request, uid }))).equals(newer)).toBe(true);
  });

  it.each([
    ['takes away no download that began after it', 'disk'],
    ['takes it away where its key is deleted meanwhile', 'filling'],
  ])('whose store answers late %s', async (_, source) => {
    const faulty = new FaultyStore(memoryStore());
    const cache = await buildCache({ name: 'here', store: faulty.store, coherence: { interval: 20 } });
    caches = [cache];
    const answered = gate();
    faulty.answersHeld = answered.opened;
    const files = bench.files({ cache });
    const purged = recordEvents('filePurged');
    const purging = files.purge(request);
    await eventually(() => expect(purged.seen).toHaveLength(1));
    purged.stop();
    await keep(files);
    const deleting = source === 'disk' ? undefined : cache.delete(versionedKey('s3_files', request.uid));
    answered.open();
    expect(await Promise.all([purging, deleting])).toEqual([true, deleting && true]);
    expect((await files.open(request)).source).toBe(source);
  });

  it('stays on its host where no cache carries it', async () => {
    const [here, there] = [bench.files(), bench.files({ directory: elsewhere.path })];
    await keep(here);
    await keep(there);
    await here.purge(request);
    expect((await there.open(request)).source).toBe('disk');
  });

  it.each([
    ['that no cache carries is acknowledged when the folder is synced', 1],
    ['that a cache carries syncs nothing, as each start asks the object store', 0],
  ])('%s', async (_, syncs) => {
    if (syncs === 0) caches = [await buildCache({ name: 'here', coherence: { interval: 20 } })];
    const [cache] = caches;
    const files = bench.files(cache && { cache });
    expect(await files.purge(request)).toBe(true);
    await keep(files);
    const { path } = (await files.explain(request)).copy as { path: string };
    const synced = await syncedFrom(path);
    // The second one removes nothing: an earlier one may have failed before its sync.
    for (let time = 0; time < 2; time++) {
      synced.length = 0;
      expect(await files.purge(request)).toBe(true);
      expect(synced).toEqual(Array.from({ length: syncs }, () => dirname(path)));
    }
  });

  it('that may have been missed is made up for by asking the object store once', async () => {
    const store = bench.counted();
    await keep(bench.files({ store }));
    // The host was down, and its copy is the old version's.
    await bench.objects.put(request.key, newer);
    caches = [await buildCache({ name: 'here', coherence: { interval: 20 } })];
    const files = bench.files({ store, cache: caches[0] as TieredCache });
    expect((await files.explain(request)).verdict).toMatch(/asked once/);
    expect((await readAll(await files.open(request))).equals(newer)).toBe(true);
    expect(store.heads).toHaveLength(1);
    await keep(files);
    const heads = store.heads.length;
    for (let time = 0; time < 3; time++) expect((await files.open(request)).source).toBe('disk');
    expect(store.heads).toHaveLength(heads);
  });

  it('that was lost in a gap of the feed is made up for in the same way', async () => {
    const { there } = await twoHosts();
    await Promise.all(caches.map((cache) => cache.set(cache.name, 1)));
    await keep(there);
    const cleared = recordEvents('nearCleared');
    // Clearing is no list of names: whoever hears of it knows that something may have been missed.
    await bench.objects.put(request.key, newer);
    await (caches[0] as TieredCache).dangerouslyClear();
    await eventually(() => expect(cleared.seen).toContainEqual(expect.objectContaining({ cache: 'there' })));
    cleared.stop();
    expect((await readAll(await there.open(request))).equals(newer)).toBe(true);
  });

  it.each([
    ['an answer of before it is late', true],
    ['an answer of before it came', false],
  ])('that was lost in a gap is made up for where %s', async (_, isLate) => {
    const answered = gate();
    const store = bench.counted();
    const slow: ObjectStore = {
      ...store,
      head: async (...asked) => {
        const head = await store.head(...asked);
        if (store.heads.length === 1) await answered.opened;
        return head;
      },
    };
    await keep(bench.files());
    const { files, lose } = await losingPurges(slow);
    const early = files.open(request);
    await eventually(() => expect(store.heads).toHaveLength(1));
    await bench.objects.put(request.key, newer);
    await lose();
    if (!isLate) {
      answered.open();
      expect((await readAll(await early)).equals(content)).toBe(true);
    }
    const late = files.open(request);
    await lookedForBefore(files);
    answered.open();
    expect((await readAll(await late)).equals(newer)).toBe(true);
    await early;
  });

  it.each([
    ['has begun', 1],
    ['was asked for', 0],
  ])('that was lost in a gap hands out no download that %s before', async (_, pieces) => {
    const answered = gate();
    const store = bench.counted({ beforePiece: (sent) => (sent > 0 && isFirst() ? answered.opened : undefined) });
    const isFirst = (): boolean => store.reads.length === 1;
    const slow: ObjectStore = {
      ...store,
      open: async (...asked) => {
        const opened = await store.open(...asked);
        if (pieces === 0 && isFirst()) await answered.opened;
        return opened;
      },
    };
    const { files, lose } = await losingPurges(slow);
    const early = files.open(request).then(readAll);
    await eventually(async () => {
      expect(store.reads).toHaveLength(1);
      expect((await files.status()).fills).toBe(pieces);
    });
    await bench.objects.put(request.key, newer);
    await lose();
    const late = files.open(request);
    await lookedForBefore(files);
    answered.open();
    expect((await readAll(await late)).equals(newer)).toBe(true);
    await early;
    await eventually(async () => expect((await files.status()).fills).toBe(0));
    expect((await readAll(await files.open(request))).equals(newer)).toBe(true);
  });

  it.each([
    ['in a gap', 'is not read', 'was replaced', 0],
    ['in a gap', 'is not read', 'was replaced, and the wall clock was set back', 3_600_000],
    ['in a gap', 'is read on', 'is still the same', 0],
    ['before the start', 'is not read', 'was replaced', 0],
    ['before the start', 'is not read', 'was replaced, and the wall clock was set back', 3_600_000],
    ['before the start', 'is read on', 'is still the same', 0],
  ])(
    'that was lost %s: a download that another process began before %s where its object %s',
    async (when, how, what, setBackMs) => {
      const clock: Clock = { ...systemClock, now: () => systemClock.now() - setBackMs };
      const isRead = how === 'is read on';
      const answered = gate();
      const store = bench.counted({
        beforePiece: (sent) => (sent > 0 && store.reads.length === 1 ? answered.opened : undefined),
      });
      const known = when === 'in a gap' ? await losingPurges(store, clock) : undefined;
      const other = bench.files({ store });
      const early = other.open(request).then(readAll);
      await eventually(async () => expect((await other.status()).fills).toBe(1));
      if (!isRead) await bench.objects.put(request.key, newer);
      await known?.lose();
      const { files } = known ?? (await losingPurges(store, clock));
      const late = await files.open(request);
      answered.open();
      expect((await readAll(late)).equals(isRead ? content : newer)).toBe(true);
      expect(store.reads).toHaveLength(isRead ? 1 : 2);
      expect((await early).equals(content)).toBe(true);
    },
  );

  it('that was lost in a gap after the wall clock was set back: a download of before is not read when the clock has caught up', async () => {
    let setBackMs = 0;
    const clock: Clock = { ...systemClock, now: () => systemClock.now() - setBackMs };
    const answered = gate();
    const store = bench.counted({
      beforePiece: (sent) => (sent > 0 && store.reads.length === 1 ? answered.opened : undefined),
    });
    const { files, lose } = await losingPurges(store, clock);
    const other = bench.files({ store });
    const early = other.open(request).then(readAll);
    await eventually(async () => expect((await other.status()).fills).toBe(1));
    await bench.objects.put(request.key, newer);
    setBackMs = 60_000;
    await lose();
    setBackMs = 0;
    const late = await files.open(request);
    answered.open();
    expect((await readAll(late)).equals(newer)).toBe(true);
    expect((await early).equals(content)).toBe(true);
  });

  it('that was lost is made up for where a download of before ended without giving its file a name', async () => {
    const { files } = await losingPurges(bench.objects);
    const name = fileName(versionedKey('s3_files', request.uid), caches[0]);
    const place = new FilePlace(join(bench.directory.path, filesFolder), fileId(bench.objects.name, name));
    const head = (await bench.objects.head(request.key)) as ObjectHead;
    const header = encodeHeader(headerOfObject(request, head, 0)) as Buffer;
    await mkdir(place.folder, { recursive: true, mode: 0o700 });
    await writeFile(place.newPart(), Buffer.concat([header, content]), { mode: 0o600 });
    await bench.objects.put(request.key, newer);
    expect((await readAll(await files.open(request))).equals(newer)).toBe(true);
  });

  it.each(['a purge', 'a gap'] as const)(
    'is not made void by an answer of before %s, that there is no object',
    async (what) => {
      const answered = gate();
      const store = bench.counted();
      const slow: ObjectStore = {
        ...store,
        open: async (...asked) => {
          const isFirst = store.reads.length === 0;
          const opening = store.open(...asked);
          if (isFirst) await Promise.allSettled([opening, answered.opened]);
          return opening;
        },
      };
      await bench.objects.remove(request.key);
      const { files, lose } = await losingPurges(slow);
      const early = files.open(request).catch((error: unknown) => error);
      await eventually(() => expect(store.reads).toHaveLength(1));
      await bench.objects.put(request.key, content);
      if (what === 'a purge') await files.purge(request);
      else await lose();
      answered.open();
      expect(await early).toMatchObject({ code: 'OBJECT_NOT_FOUND' });
      expect((await readAll(await files.open(request))).equals(content)).toBe(true);
    },
  );

  it.each(['of before', 'under way'])(
    'that was lost in a gap is made up for, though the row of before was vouched for by an answer %s',
    async (when) => {
      const answered = gate();
      const store = bench.counted();
      const slow: ObjectStore = {
        ...store,
        head: async (...asked) => {
          const head = await store.head(...asked);
          if (when === 'under way' && store.heads.length === 1) await answered.opened;
          return head;
        },
      };
      await keep(bench.files());
      const { files, lose } = await losingPurges(slow);
      await lose();
      // The row names another object now, and the one of before stands still.
      const newRow = { ...request, key: 'media/two' };
      await bench.objects.put(newRow.key, newer);
      const early = files.open(request).then(readAll);
      if (when === 'of before') await early;
      await eventually(() => expect(store.heads).toHaveLength(1));
      const late = files.open(newRow);
      await lookedForBefore(files);
      answered.open();
      expect((await readAll(await late)).equals(newer)).toBe(true);
      expect((await early).equals(content)).toBe(true);
    },
  );

  it('that was lost in a gap takes away what was remembered of an absent file', async () => {
    await bench.objects.remove(request.key);
    const { files, lose } = await losingPurges(bench.objects);
    await expect(files.open(request)).rejects.toMatchObject({ code: 'OBJECT_NOT_FOUND' });
    await bench.objects.put(request.key, content);
    await lose();
    expect((await readAll(await files.open(request))).equals(content)).toBe(true);
  });

  it('of what is no uid is refused', async () => {
    await expect(bench.files().purge({ uid: '' })).rejects.toMatchObject({ code: 'INVALID_OPTION' });
  });
});
