import { parentPort, workerData } from 'node:worker_threads';
import { DiskStore } from '../../src/store/disk/disk-store.js';

/** A thread that writes without end into the folder it is given, and posts the number of each write that was acknowledged. */
void write(workerData as string);

async function write(directory: string): Promise<void> {
  const store = new DiskStore({ directory }, { deadlineMs: 10_000, openWithinMs: 20_000 });
  await store.open();
  const lane = async (name: string): Promise<void> => {
    for (let number = 0; ; number++) {
      await store.shards[0].write(name, Buffer.from(`${number}`.padEnd(2_000)), { lifeMs: Infinity });
      parentPort?.postMessage([name, number]);
    }
  };
  await Promise.all(['a', 'b', 'c', 'd'].map(lane));
}
