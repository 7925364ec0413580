import { beforeAll, describe, it } from '@jest/globals';
import { s3ObjectStore } from '../../../src/object/s3/s3-object-store.js';
import { objectStoreContract } from '../../../src/testing/object-store-contract.js';
import { createBucket, radosgwClient } from '../../support/radosgw.js';

const prefix = 'tenant-1/';
let bucket: string;
beforeAll(async () => {
  bucket = await createBucket('contract');
});

objectStoreContract(
  { describe, it },
  {
    name: 's3 on radosgw',
    largeBytes: 6 * 2 ** 20 + 17,
    manyObjects: 1005,
    reservedKeyBytes: prefix.length,
    open: async () => {
      const clients = [radosgwClient(), radosgwClient()] as const;
      return {
        store: s3ObjectStore({ client: clients[0], bucket, prefix, partBytes: 5 * 2 ** 20 }),
        secondHandle: async () => s3ObjectStore({ client: clients[1], bucket, prefix, partBytes: 5 * 2 ** 20 }),
        dispose: () => clients.forEach((client) => client.destroy()),
      };
    },
  },
);
