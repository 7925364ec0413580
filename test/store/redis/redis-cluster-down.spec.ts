import { expect, it } from '@jest/globals';
import { keySlot } from '../../../src/store/redis/key-slot.js';
import { RedisPartition } from '../../../src/store/redis/redis-partition.js';
import { eventually } from '../../support/eventually.js';
import { startFakeServer } from '../../support/fake-server.js';
import type { FakeServer } from '../../support/fake-server.js';
import { patience } from '../../support/patience.js';
import { openAccess } from './open-access.js';

const down = '-CLUSTERDOWN The cluster is down\r\n';
const infoOf = (role: string) =>
  `redis_version:7.0.15\r\nrun_id:a\r\nmaster_replid:b\r\nrole:${role}\r\ncluster_enabled:1\r\n`;

/**
 * A node of a Cluster, and how it answers each read.
 * @param owners whom it takes for the owners of the lower and the upper half of the slots. Default: itself.
 */
async function node(
  read: string,
  owners?: () => readonly FakeServer[],
  role: 'master' | 'slave' = 'master',
): Promise<FakeServer & { readonly slotsAsked: () => number }> {
  let slotsAsked = 0;
  const info = infoOf(role);
  const server: FakeServer = await startFakeServer((line) => {
    if (line === 'INFO') return `$${info.length}\r\n${info}\r\n`;
    if (line === 'GET') return read;
    if (line !== 'SLOTS') return undefined;
    slotsAsked++;
    const halves = (owners?.() ?? [server, server]).map(
      ({ port }, half) => `*3\r\n:${half * 8_192}\r\n:${half * 8_192 + 8_191}\r\n*2\r\n$9\r\n127.0.0.1\r\n:${port}\r\n`,
    );
    return `*2\r\n${halves.join('')}`;
  });
  return Object.assign(server, { slotsAsked: () => slotsAsked });
}

it('A node that says that the cluster is down is left for the one that another node names', async () => {
  const cutOff = await node(down);
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

it('Two such nodes that name each other are left for a third', async () => {
  const lower: FakeServer = await node(down, () => [lower, upper]);
  const upper: FakeServer = await node(down, () => [lower, upper]);
  const promoted = await node('$3\r\nnew\r\n');
  const cluster = [lower, upper, promoted].map(({ address }) => address);
  const access = await openAccess('built-in', { cluster, ...patience });
  try {
    const prefixes = ['{0}', '{3}'];
    expect(prefixes.map((prefix) => keySlot(prefix) < 8_192)).toEqual([false, true]);
    const partitions = prefixes.map((prefix) => new RedisPartition(access, prefix));
    await eventually(async () => {
      const reads = await Promise.allSettled(partitions.map((partition) => partition.ask(['GET', 'k'])));
      expect(reads.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled']);
    });
  } finally {
    access.close();
    await Promise.all([lower, upper, promoted].map((server) => server.close()));
  }
});

it('Nodes that have all become replicas name the primaries, and are asked for nothing else', async () => {
  const promoted = await node('$3\r\nnew\r\n');
  const demoted = await node('$3\r\nold\r\n', () => [promoted, promoted], 'slave');
  const access = await openAccess('built-in', { cluster: [demoted.address], ...patience });
  try {
    expect(String(await new RedisPartition(access, '').ask(['GET', 'k']))).toBe('new');
    expect(demoted.slotsAsked()).toBe(1);
    expect(demoted.chunks.join('')).not.toContain('GET');
    await eventually(() => expect(demoted.closed).toBe(demoted.accepted));
  } finally {
    access.close();
    await Promise.all([demoted.close(), promoted.close()]);
  }
});

it('A replica is asked for the primaries after all others: it may be cut off, and know the old ones', async () => {
  const promoted = await node('$3\r\nnew\r\n');
  const replica = await node('', () => [replica, replica], 'slave');
  const access = await openAccess('built-in', { cluster: [replica.address, promoted.address], ...patience });
  try {
    expect(String(await new RedisPartition(access, '').ask(['GET', 'k']))).toBe('new');
    expect(replica.slotsAsked()).toBe(0);
  } finally {
    access.close();
    await Promise.all([replica.close(), promoted.close()]);
  }
});

it('Of two replicas, the one that names nobody who answers is left for the other', async () => {
  const promoted = await node('$3\r\nnew\r\n');
  const cutOff: FakeServer = await node('', () => [cutOff, cutOff], 'slave');
  const replica = await node('', () => [promoted, promoted], 'slave');
  const access = await openAccess('built-in', { cluster: [cutOff.address, replica.address], ...patience });
  try {
    const partition = new RedisPartition(access, '');
    await eventually(async () => expect(String(await partition.ask(['GET', 'k']))).toBe('new'));
  } finally {
    access.close();
    await Promise.all([cutOff, replica, promoted].map((server) => server.close()));
  }
});
