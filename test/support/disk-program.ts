import { DiskStore } from '../../src/store/disk/disk-store.js';
import { onCacheEvent } from '../../src/value/events.js';

/** A small application: says what it finds in the folder, writes into it, and stays until it is killed. */
void run(process.argv[2] ?? '');

async function run(directory: string): Promise<void> {
  onCacheEvent('fault', ({ message }) => console.log(`fault: ${message}`));
  const store = new DiskStore({ directory }, { deadlineMs: 10_000, openWithinMs: 20_000 });
  await store.open();
  const [found] = await store.shards[0].readMany(['key']);
  console.log(`found: ${found?.bytes.toString() ?? 'nothing'}`);
  await store.shards[0].write('key', Buffer.from('value'), { lifeMs: Infinity });
  console.log('written');
  setInterval(() => undefined, 1_000);
}
