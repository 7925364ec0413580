import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { fileBytes } from '../../src/file/file-header.js';
import { entriesOf } from '../../src/file/folder-scan.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { seededRandom } from '../support/seeded-random.js';
import { RoomBench } from './support/room-bench.js';

const size = 100_000;
const one = fileBytes(size);

let bench: RoomBench;
beforeEach(() => {
  bench = new RoomBench();
});
afterEach(() => bench.dispose());

/** A promise that the test resolves. */
function gate(): { readonly opened: Promise<void>; readonly open: () => void } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open: () => open() };
}

async function keep(room: Awaited<ReturnType<RoomBench['room']>>, uid: string): Promise<string> {
  const part = await bench.part(uid, size);
  expect(await room.reserve(part.bytes, part.claim)).toBe('reserved');
  await part.finish();
  return part.finalPath;
}

/** The file is about to say what it takes, while the room waits for it. */
async function heldReserving(
  room: Awaited<ReturnType<RoomBench['room']>>,
  part: Awaited<ReturnType<RoomBench['part']>>,
) {
  const arrived = gate();
  const held = gate();
  const reserving = room.reserve(part.bytes, async () => {
    arrived.open();
    await held.opened;
    return part.claim();
  });
  await arrived.opened;
  return { reserving, held };
}

describe('What one process has reserved', () => {
  it('is counted by another that counts anew before the download begins', async () => {
    const [room, other] = [await bench.room(10 * one), await bench.room(10 * one)];
    const part = await bench.part('f1', size);
    const { reserving, held } = await heldReserving(room, part);
    const counting = other.recount();
    held.open();
    await reserving;
    expect(await counting).toBe(one);
    expect(await room.used()).toBe(one);
  });

  it('would be lost if the folder did not say so before the others may count', async () => {
    const [room, other] = [await bench.room(10 * one), await bench.room(10 * one)];
    const part = await bench.part('f1', size);
    await room.reserve(part.bytes, async () => true);
    expect(await other.recount()).toBe(0);
    await part.claim();
    expect(await bench.bytes()).toBeGreaterThan(await room.used());
  });

  it('is not counted when the file was purged before it said what it takes', async () => {
    const [room, other] = [await bench.room(10 * one), await bench.room(10 * one)];
    await keep(room, 'f0');
    const part = await bench.part('f1', size);
    await other.remove(part.path);
    expect(await room.reserve(part.bytes, part.claim)).toBe('purged');
    expect(await room.used()).toBe(one);
  });

  it('is given back by the purge that comes after', async () => {
    const [room, other] = [await bench.room(10 * one), await bench.room(10 * one)];
    await keep(room, 'f0');
    const part = await bench.part('f1', size);
    await room.reserve(part.bytes, part.claim);
    expect(await room.used()).toBe(2 * one);
    await other.remove(part.path);
    await expect(part.finish()).rejects.toMatchObject({ code: 'ENOENT' });
    expect(await room.used()).toBe(one);
  });

  it('is waited for by others, but not for longer than ten seconds', async () => {
    const clock = new FakeClock();
    const [room, other] = [await bench.room(10 * one), await bench.room(10 * one, clock)];
    const [part, late] = [await bench.part('f1', size), await bench.part('f2', size)];
    const { reserving, held } = await heldReserving(room, part);
    let isOver = false;
    const waiting = other.reserve(late.bytes, late.claim).finally(() => (isOver = true));
    while (!isOver) await clock.advance('100ms');
    expect(await waiting).toBe('full');
    expect(clock.monotonic()).toBeGreaterThanOrEqual(10_000);
    held.open();
    expect(await reserving).toBe('reserved');
    expect(await room.used()).toBe(one);
  });

  it('is waited for by all who come at once for those ten seconds, and not by one after the other', async () => {
    const clock = new FakeClock();
    const [room, other] = [await bench.room(10 * one), await bench.room(10 * one, clock)];
    const { reserving, held } = await heldReserving(room, await bench.part('f1', size));
    const late = await Promise.all(['f2', 'f3', 'f4'].map((uid) => bench.part(uid, size)));
    const ends: number[] = [];
    const waiting = late.map((part) =>
      other.reserve(part.bytes, part.claim).finally(() => ends.push(clock.monotonic())),
    );
    while (ends.length < late.length) {
      // No time goes by while the file system works.
      if (clock.waiting > 0) await clock.advance('10ms');
      else await new Promise(setImmediate);
    }
    expect(await Promise.all(waiting)).toEqual(['full', 'full', 'full']);
    expect(Math.max(...ends)).toBeLessThan(11_000);
    held.open();
    expect(await reserving).toBe('reserved');
    const next = await bench.part('f5', size);
    expect(await other.reserve(next.bytes, next.claim)).toBe('reserved');
    expect(await room.used()).toBe(2 * one);
  });

  it('is taken back when the folder can’t say so', async () => {
    const room = await bench.room(10 * one);
    await expect(room.reserve(one, () => Promise.reject(new Error('no space')))).rejects.toThrow('no space');
    expect(await room.used()).toBe(0);
  });
});

describe('A file that is taken away', () => {
  it('while another process counts is not subtracted from a count that has it no more', async () => {
    const [room, other] = [await bench.room(10 * one), await bench.room(10 * one)];
    const path = await keep(room, 'f1');
    await keep(room, 'f2');
    const removal = await room.beginRemoval();
    expect(await removal.unlink(path)).toBe(true);
    expect(await other.recount()).toBe(one);
    await removal.settle();
    expect(await room.used()).toBe(one);
  });

  it('by two at once is given back once', async () => {
    const rooms = [await bench.room(10 * one), await bench.room(10 * one)];
    const path = await keep(rooms[0] as (typeof rooms)[0], 'f1');
    await keep(rooms[0] as (typeof rooms)[0], 'f2');
    await Promise.all(rooms.map((room) => room.remove(path)));
    expect(await rooms[0]?.used()).toBe(one);
  });
});

describe('A look at the folder', () => {
  it('finds a file that gets its final name meanwhile, once', async () => {
    const room = await bench.room(10 * one);
    const parts = await bench.neighbours(3, size);
    for (const part of parts) await room.reserve(part.bytes, part.claim);
    const found: string[] = [];
    for await (const { path, bytes } of entriesOf(bench.root)) {
      // The others' unfinished names are listed, and are looked at after this.
      if (found.length === 0) for (const part of parts) await part.finish();
      found.push(path);
      expect(bytes).toBe(one);
    }
    expect(found).toHaveLength(3);
    expect(await room.recount()).toBe(3 * one);
  });
});

describe('The bound', () => {
  it('holds at every moment for processes that download, purge and count at once', async () => {
    const max = 6 * one;
    const rooms = await Promise.all([1, 2, 3].map(() => bench.room(max)));
    const random = seededRandom(17);
    let [kept, most] = [0, 0];
    const worker = async (name: number): Promise<void> => {
      const room = rooms[name % rooms.length] as (typeof rooms)[0];
      for (let step = 0; step < 12; step++) {
        const part = await bench.part(`f${name}-${step}`, size);
        // Under the lock: a look at a folder in which more may begin is not of one moment.
        const reservation = await room.reserve(part.bytes, async () => {
          const isClaimed = await part.claim();
          most = Math.max(most, await bench.bytes());
          return isClaimed;
        });
        const chance = random();
        if (reservation === 'full' || chance < 0.2) await room.remove(part.path);
        else await part.finish();
        if (chance > 0.8) await room.remove(part.finalPath);
        if (chance > 0.4 && chance < 0.5) await room.recount();
        if (reservation !== 'full') kept++;
      }
    };
    await Promise.all([0, 1, 2, 3, 4, 5].map(worker));
    const counted = (await rooms[0]?.used()) as number;
    expect(counted).toBeGreaterThanOrEqual(await bench.bytes());
    expect(most).toBeLessThanOrEqual(max);
    expect(kept).toBeGreaterThan(36);
  });
});
