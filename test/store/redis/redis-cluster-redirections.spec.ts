import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { keySlot } from '../../../src/store/redis/key-slot.js';
import { RedisPartition } from '../../../src/store/redis/redis-partition.js';
import { eventually } from '../../support/eventually.js';
import { patience } from '../../support/patience.js';
import { startRedisCluster } from '../../support/redis-fleet.js';
import type { RedisClusterProcesses } from '../../support/redis-fleet.js';
import type { RedisProcess } from '../../support/redis-process.js';
import { openAccess } from './open-access.js';

describe.each(['ip', 'unknown-endpoint'])('In a Cluster over IPv6 that names its nodes by %s', (endpoint) => {
  const prefix = '{0}';
  const slot = keySlot(prefix);
  let cluster: RedisClusterProcesses;
  let from: RedisProcess;
  let to: RedisProcess;
  beforeAll(async () => {
    const both = ['--bind', '127.0.0.1', '::1', '--cluster-announce-ip', '::1'];
    cluster = await startRedisCluster([...both, '--cluster-preferred-endpoint-type', endpoint]);
    from = cluster.ownerOf(slot);
    to = cluster.nodes.find((node) => node !== from) as RedisProcess;
    await eventually(async () => {
      for (const node of cluster.nodes) {
        const lines = (await node.text('CLUSTER', 'NODES')).trim().split('\n');
        for (const line of lines) expect(line).toMatch(/ ::1:\d/);
      }
    });
  });
  afterAll(() => cluster.stop());

  it('a key is read where it is already while its slot is on its way', async () => {
    const access = await openAccess('built-in', { cluster: [`[::1]:${from.port}`], ...patience });
    try {
      const partition = new RedisPartition(access, prefix);
      await partition.ask(['SET', `${prefix}k`, 'value']);
      const [fromId, toId] = [await from.text('CLUSTER', 'MYID'), await to.text('CLUSTER', 'MYID')];
      await to.command('CLUSTER', 'SETSLOT', slot, 'IMPORTING', fromId);
      await from.command('CLUSTER', 'SETSLOT', slot, 'MIGRATING', toId);
      await from.command('MIGRATE', '127.0.0.1', to.port, `${prefix}k`, 0, 60_000);
      expect(String(await partition.ask(['GET', `${prefix}k`]))).toBe('value');
      expect(await partition.ask(['GET', `${prefix}none`])).toBeNull();
    } finally {
      access.close();
    }
  });
});
