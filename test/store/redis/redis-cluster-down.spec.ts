import { expect, it } from '@jest/globals';
import { RedisPartition } from '../../../src/store/redis/redis-partition.js';
import { eventually } from '../../support/eventually.js';
import { startFakeServer } from '../../support/fake-server.js';
import type { FakeServer } from '../../support/fake-server.js';
import { patience } from '../../support/patience.js';
import { openAccess } from './open-access.js';

const info = 'redis_version:7.0.15\r\nrun_id:a\r\nmaster_replid:b\r\nrole:master\r\ncluster_enabled:1\r\n';

/** A node of a Cluster that takes itself for the owner of all slots, and answers each read so. */
async function node(read: string): Promise<FakeServer & { readonly slotsAsked: () => number }> {
  let slotsAsked = 0;
  const server: FakeServer = await startFakeServer((line) => {
    if (line === 'INFO') return `$${info.length}\r\n${info}\r\n`;
    if (line === 'GET') return read;
    if (line !== 'SLOTS') return undefined;
    slotsAsked++;
    return `*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$9\r\n127.0.0.1\r\n:${server.port}\r\n`;
  });
  return Object.assign(server, { slotsAsked: () => slotsAsked });
}

it('A node that says that the cluster is down is left for the one that another node names', async () => {
  const cutOff = await node('-CLUSTERDOWN The cluster is down\r\n');
  const promoted = await node('$3\r\nnew\r\n');
  const access = await openAccess('built-in', { cluster: [cutOff.address, promoted.address], ...patience });
  try {
    const partition = new RedisPartition(access, '');
    await expect(partition.ask(['GET', 'k'])).rejects.toThrow('the cluster says that it is down');
    expect(promoted.accepted).toBe(0);
    await eventually(async () => {
      const reads = await Promise.allSettled(Array.from({ length: 10 }, () => partition.ask(['GET', 'k'])));
      expect(new Set(reads.map(({ status }) => status))).toEqual(new Set(['fulfilled']));
    });
    expect(promoted.slotsAsked()).toBe(1);
  } finally {
    access.close();
    await Promise.all([cutOff.close(), promoted.close()]);
  }
});
