import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { folderObjectStore } from '../../src/object/folder-object-store.js';
import type { ObjectStore } from '../../src/object/object-store.js';
import { diskDirectory } from '../support/disk-directory.js';
import { eventually } from '../support/eventually.js';
import type { WorkerProcess } from '../support/worker-process.js';
import { patterned, sha256Of } from './support/files-bench.js';
import type { ReadOutcome } from './support/files-worker.js';
import { atBytes, FilesWorkers, readsOf } from './support/files-workers.js';

const content = patterned(3 * 2 ** 20 + 5);
const newer = Buffer.from(content).reverse();
const request = { uid: 'f1', key: 'media/one' };
const whole = { bytes: content.length, sha256: sha256Of(content) };

const folder = diskDirectory();
const objects: ObjectStore = folderObjectStore({ directory: folder.path });
const workers = new FilesWorkers();
let killed: WorkerProcess[];
beforeAll(() => workers.start(4));
afterAll(async () => {
  await workers.stop();
  folder.remove();
});
beforeEach(async () => {
  killed = [];
  await objects.put(request.key, content);
});
afterEach(() => workers.giveBack(killed));

describe('Processes of one host', () => {
  it('O1 download a cold file once, however many read it', async () => {
    const three = await workers.over(3, { objects: folder.path, pieceMs: 1 });
    const read = await Promise.all(three.map((worker) => worker.call<ReadOutcome[]>('read', request, 10)));
    for (const outcome of read.flat()) expect(outcome).toMatchObject(whole);
    expect(await readsOf(three)).toEqual(['all']);
  });

  it('each download it where nobody leads', async () => {
    const data = { objects: folder.path, pieceMs: 20, without: ['one-leader'] } as const;
    const [one, other] = (await workers.over(2, data)) as [WorkerProcess, WorkerProcess];
    const first = one.call('read', request);
    await atBytes(one, 0);
    await Promise.all([first, other.call('read', request)]);
    expect(await readsOf([one, other])).toEqual(['all', 'all']);
  });

  it('O2 go on where one was that is killed in the middle, and get every byte', async () => {
    const data = { objects: folder.path, pieceMs: 20 };
    const [leader, ...followers] = (await workers.over(3, data)) as [WorkerProcess, ...WorkerProcess[]];
    killed.push(leader);
    const lost = leader.call('read', request).catch(() => undefined);
    await atBytes(leader, 200_000);
    const read = followers.map((worker) => worker.call<ReadOutcome[]>('read', request, 5));
    await atBytes(leader, 1_000_000);
    await leader.kill();
    await lost;
    for (const outcome of (await Promise.all(read)).flat())
      expect(outcome).toMatchObject({ source: 'filling', ...whole });
    const resumed = await readsOf(followers);
    expect(resumed).toHaveLength(1);
    expect(Number(/^(\d+)-$/.exec(resumed[0] as string)?.[1])).toBeGreaterThan(900_000);
    await eventually(() => expect(workers.names()).toEqual([expect.stringMatching(/^..\/[0-9a-f]{62}$/)]));
  });
});

describe('A purge', () => {
  it('O3 in the middle of another process’s download leaves no copy of the old bytes behind', async () => {
    const data = { objects: folder.path, pieceMs: 20 };
    const [leader, other] = (await workers.over(2, data)) as [WorkerProcess, WorkerProcess];
    const late = leader.call<ReadOutcome[]>('read', request);
    await atBytes(leader, 500_000);
    await objects.put(request.key, newer);
    expect(await other.call('purge', 'f1')).toBe(true);
    const fresh = other.call<ReadOutcome[]>('read', request);
    // Whoever had begun gets the version that it began with.
    expect(await late).toMatchObject([whole]);
    expect(await fresh).toMatchObject([{ sha256: sha256Of(newer) }]);
    for (const worker of [leader, other]) {
      expect(await worker.call('read', request)).toMatchObject([{ sha256: sha256Of(newer) }]);
    }
    await eventually(() => expect(workers.names()).toHaveLength(1));
  });

  it('O3 (−) that left the unfinished file alone would be undone by it', async () => {
    const data = { objects: folder.path, pieceMs: 20, without: ['purged-parts'] } as const;
    const [leader, other] = (await workers.over(2, data)) as [WorkerProcess, WorkerProcess];
    const late = leader.call<ReadOutcome[]>('read', request);
    await atBytes(leader, 500_000);
    await objects.put(request.key, newer);
    await other.call('purge', 'f1');
    await late;
    expect(await other.call('read', request)).toMatchObject([{ source: 'disk', sha256: sha256Of(content) }]);
  });
});
