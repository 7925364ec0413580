import { crc32 } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { ObjectStore } from '../../src/object/object-store.js';
import { s3ObjectStore } from '../../src/object/s3/s3-object-store.js';
import { eventually } from '../support/eventually.js';
import { createBucket, radosgwClient } from '../support/radosgw.js';
import { seededRandom } from '../support/seeded-random.js';
import type { WorkerProcess } from '../support/worker-process.js';
import { machineMs } from './support/counted-store.js';
import { patterned, sha256Of } from './support/files-bench.js';
import type { ReadOutcome } from './support/files-worker.js';
import { atBytes, FilesWorkers, readsOf } from './support/files-workers.js';

const workers = new FilesWorkers();
const client = radosgwClient();
/** Fifty gigabytes are compared, up to two hundred processes are started. */
const limitMs = 10 * 60_000;
/** `npm run test:objects -- --whole` kills two hundred times. */
const rounds = Number(process.env['OBJECTS_KILLS'] ?? 30);
let bucket: string;
let store: ObjectStore;
let killed: WorkerProcess[] = [];
beforeAll(async () => {
  bucket = await createBucket('files');
  store = s3ObjectStore({ client, bucket });
  await workers.start(4);
});
afterAll(async () => {
  await workers.stop();
  client.destroy();
});
afterEach(() => {
  workers.giveBack(killed);
  killed = [];
});

const rssOf = (all: readonly WorkerProcess[]): Promise<number[]> =>
  Promise.all(all.map((worker) => worker.call<number>('rssBytes')));

describe('A cold object of 250 MB', () => {
  it(
    'is downloaded once for 50 readers in each of 4 processes, in little memory',
    async () => {
      const content = patterned(250_000_000);
      const { sha256 } = await store.put('large', content);
      await store.put('warm', content.subarray(0, 20_000));
      const four = await workers.over(4, { objects: { bucket } });
      // As a service is that runs: its first request has loaded the client and made the folder.
      for (const worker of four) await worker.call('read', { uid: `warm-${worker.pid}`, key: 'warm' });
      await Promise.all(four.map((worker) => worker.call('forgetReads')));
      const restMb = Math.max(...(await rssOf(four))) / 1e6;
      const request = { uid: 'large', key: 'large', size: content.length, sha256 };
      const askedAt = machineMs();
      const read = (await Promise.all(four.map((worker) => worker.call<ReadOutcome[]>('read', request, 50)))).flat();
      const tookMs = machineMs() - askedAt;
      const whole = { bytes: content.length, sha256: `${crc32(content)}` };
      for (const outcome of read) expect(outcome).toMatchObject(whole);
      expect(await readsOf(four)).toEqual(['all']);
      const mostMb = Math.max(...(await rssOf(four))) / 1e6;
      expect(mostMb - restMb).toBeLessThan(100);
      const [storeAt = 0] = (await Promise.all(four.map((worker) => worker.call<number>('firstByteAt')))).filter(
        Boolean,
      );
      const after = read.map(({ firstByteAt }) => Math.round(firstByteAt - storeAt)).sort((one, other) => one - other);
      console.log(
        `first byte: the store's after ${Math.round(storeAt - askedAt)} ms; the readers' after that: the first ${after[0]} ms, half ${after[100]} ms, ` +
          `the last ${after.at(-1)} ms; all in ${Math.round(tookMs)} ms; most memory of a process ${Math.round(mostMb)} MB, before ${Math.round(restMb)} MB`,
      );
    },
    limitMs,
  );
});

describe('The process that downloads', () => {
  const content = patterned(4_000_000);
  const whole = { bytes: content.length, sha256: sha256Of(content) };

  it(
    `is killed ${rounds} times, and every reader gets every byte`,
    async () => {
      await store.put('killed', content);
      const random = seededRandom(17);
      const data = { objects: { bucket }, pieceMs: 1 };
      const [follower] = (await workers.over(1, data)) as [WorkerProcess];
      let next = workers.join(1, data);
      for (let round = 0; round < rounds; round++) {
        const [leader] = (await next) as [WorkerProcess];
        next = round + 1 < rounds ? workers.join(1, data) : Promise.resolve([]);
        killed.push(leader);
        const request = { uid: `killed-${round}`, key: 'killed' };
        const lost = leader.call('read', request).catch(() => undefined);
        await atBytes(leader, 0);
        const [read] = await Promise.all([
          follower.call<ReadOutcome[]>('read', request, 3),
          atBytes(leader, random() * 3_500_000).then(() => leader.kill()),
        ]);
        await lost;
        for (const outcome of read) expect(outcome).toMatchObject(whole);
      }
      const takeovers = (await readsOf([follower])).filter((range) => range !== 'all').length;
      console.log(`taken over in the middle: ${takeovers} of ${rounds}`);
      expect(takeovers).toBeGreaterThan(rounds / 2);
      await eventually(() => {
        const names = workers.names();
        expect(names).toHaveLength(rounds);
        for (const name of names) expect(name).toMatch(/^..\/[0-9a-f]{62}$/);
      });
      const report = await follower.call<{ files: number; damaged: string[] }>('check');
      expect(report).toMatchObject({ files: rounds, damaged: [] });
    },
    limitMs,
  );

  it.each([
    ['ends with an error', []],
    ['would mix two versions if the rest were not bound to the first', ['binding']],
  ] as const)('dies while the object is replaced: a reader %s', async (_, without) => {
    const newer = Buffer.from(content).reverse();
    await store.put('replaced', content);
    // As S3 is of objects that were uploaded in parts.
    const data = { objects: { bucket }, pieceMs: 5, checksums: false, without };
    const [leader, follower] = (await workers.over(2, data)) as [WorkerProcess, WorkerProcess];
    killed.push(leader);
    const request = { uid: 'replaced', key: 'replaced' };
    const lost = leader.call('read', request).catch(() => undefined);
    await atBytes(leader, 200_000);
    const read = follower.call<ReadOutcome[]>('read', request).then(
      ([outcome]) =>
        outcome?.sha256 === whole.sha256 || outcome?.sha256 === sha256Of(newer) ? 'one version' : 'mixed',
      (error: { code: string }) => error.code,
    );
    await atBytes(leader, 1_000_000);
    await store.put('replaced', newer);
    await leader.kill();
    await lost;
    expect(await read).toBe(without.length === 0 ? 'OBJECT_CHANGED' : 'mixed');
  });

  it('stands still, and its readers go to the object store themselves', async () => {
    await store.put('stopped', content);
    const data = { objects: { bucket }, pieceMs: 5, patienceMs: 3_000 };
    const [leader, follower] = (await workers.over(2, data)) as [WorkerProcess, WorkerProcess];
    const request = { uid: 'stopped', key: 'stopped' };
    const late = leader.call<ReadOutcome[]>('read', request);
    await atBytes(leader, 200_000);
    const read = follower.call<ReadOutcome[]>('read', request);
    leader.pause();
    expect(await read).toMatchObject([whole]);
    leader.resume();
    expect(await late).toMatchObject([whole]);
  });
});
