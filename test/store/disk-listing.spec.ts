import { afterEach, expect, it } from '@jest/globals';
import { DiskStore } from '../../src/store/disk/disk-store.js';
import { systemClock } from '../../src/value/clock.js';
import { diskDirectory } from '../support/disk-directory.js';

const directory = diskDirectory();
afterEach(directory.remove);

it('a listing is whole though the process is kept from running before each of its steps', async () => {
  let isHeldUp = false;
  let heldUpMs = 0;
  const monotonic = (): number => systemClock.monotonic() + (isHeldUp ? (heldUpMs += 50) : heldUpMs);
  const clock = { ...systemClock, monotonic };
  const store = new DiskStore({ directory: directory.path }, { clock, deadlineMs: 60_000, openWithinMs: 20_000 });
  await store.open();
  try {
    const keys = Array.from({ length: 12 }, (_, number) => `key:${number}`);
    for (const key of keys) await store.shards[0].write(key, Buffer.from('1'), { lifeMs: 3_600_000 });
    const listed: string[] = [];
    isHeldUp = true;
    for await (const key of store.shards[0].keys('key:')) listed.push(key);
    isHeldUp = false;
    expect(listed.sort()).toEqual(keys.sort());
  } finally {
    await store.close();
  }
});
