import { describe, it } from '@jest/globals';
import { DiskStore } from '../../src/store/disk/disk-store.js';
import { storeContract } from '../../src/testing/store-contract.js';
import { diskDirectory } from '../support/disk-directory.js';

storeContract(
  { describe, it },
  {
    name: 'disk',
    tooLargeBytes: 1_000_000,
    open: async () => {
      const directory = diskDirectory();
      const opened: DiskStore[] = [];
      const openStore = async (): Promise<DiskStore> => {
        const store = new DiskStore(
          { directory: directory.path, maxBytes: 2 ** 26 },
          { maxItemBytes: 500_000, deadlineMs: 10_000, openWithinMs: 20_000 },
        );
        opened.push(store);
        await store.open();
        return store;
      };
      return {
        store: await openStore(),
        secondHandle: openStore,
        dispose: async () => {
          await Promise.all(opened.map((store) => store.close()));
          directory.remove();
        },
      };
    },
  },
);
