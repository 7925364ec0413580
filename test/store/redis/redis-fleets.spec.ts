import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { keySlot } from '../../../src/store/redis/key-slot.js';
import type { RedisAccess } from '../../../src/store/redis/redis-access.js';
import { RedisPartition } from '../../../src/store/redis/redis-partition.js';
import { textOf } from '../../../src/store/redis/redis-reply.js';
import { redisScript } from '../../../src/store/redis/redis-script.js';
import { StoreUnavailableError } from '../../../src/value/errors.js';
import { eventually } from '../../support/eventually.js';
import { freePort } from '../../support/free-port.js';
import { patience } from '../../support/patience.js';
import { startRedisCluster, startReplica, startSentinels } from '../../support/redis-fleet.js';
import type { RedisClusterProcesses } from '../../support/redis-fleet.js';
import { RedisProcess, startRedis } from '../../support/redis-process.js';
import { openAccess } from './open-access.js';

/** Of failovers: what hangs on the server that is gone must not hold the test up. */
const deadlines = { connectTimeout: 1_000, commandTimeout: 1_000 } as const;

// Each failover takes its time: through the other client it is played in redis-sentinel-faults.spec.ts.
describe.each(['built-in'] as const)('With sentinels, through %s', (driver) => {
  it('the primary is found, and found again after a failover; the old one is asked no more', async () => {
    const primary = await startRedis();
    const replica = await startReplica(primary.port);
    const sentinels = await startSentinels(primary);
    const dead = `127.0.0.1:${await freePort()}`;
    const access = await openAccess(driver, {
      sentinels: [dead, ...sentinels.addresses],
      name: sentinels.name,
      ...deadlines,
    });
    const incarnations: string[] = [];
    const partition = new RedisPartition(access, '', (_, { present }) => {
      incarnations.push(present);
      return Promise.resolve();
    });
    try {
      await partition.ask(['SET', 'k', 'v']);
      expect(await primary.text('GET', 'k')).toBe('v');
      await eventually(async () => expect(await replica.text('GET', 'k')).toBe('v'));
      await sentinels.watchClosely();
      await primary.kill();
      await expect(partition.ask(['GET', 'k'])).rejects.toThrow(StoreUnavailableError);
      await eventually(async () => expect(textOf(await partition.ask(['GET', 'k']))).toBe('v'), {
        everyMs: 100,
      });
      await partition.ask(['SET', 'k', 'after']);
      expect(await replica.text('GET', 'k')).toBe('after');
      expect(incarnations).toHaveLength(2);
    } finally {
      access.close();
      await Promise.all([sentinels.stop(), replica.stop(), primary.stop()]);
    }
  });

  it('why no sentinel has answered is said', async () => {
    const dead = `127.0.0.1:${await freePort()}`;
    const away = await openAccess(driver, { sentinels: [dead], name: 'main', ...deadlines });
    await expect(away.connected(0)).rejects.toThrow(`no sentinel answers (sentinel ${dead}: ECONNREFUSED)`);

    const file = join(mkdtempSync(join(tmpdir(), 'sentinel-')), 'sentinel.conf');
    writeFileSync(file, '');
    const sentinel = new RedisProcess(await freePort(), [], [file, '--sentinel']);
    await sentinel.start();
    await sentinel.command('ACL', 'SETUSER', 'default', '>s3cret');
    const locked = await openAccess(driver, { sentinels: [sentinel.address], name: 'main', ...deadlines });
    const error: unknown = await locked.connected(0).catch((thrown: unknown) => thrown);
    expect(String(error)).toContain(`no sentinel answers (sentinel ${sentinel.address}: NOAUTH`);
    expect(String(error)).not.toMatch(/Check that it runs/);
    away.close();
    locked.close();
    await sentinel.stop();
  });

  it('an unknown name is said', async () => {
    const primary = await startRedis();
    const sentinels = await startSentinels(primary, { replicas: 0 });
    const access = await openAccess(driver, { sentinels: sentinels.addresses, name: 'other', ...deadlines });
    await expect(access.connected(0)).rejects.toThrow(/no sentinel names a primary called other/);
    access.close();
    await Promise.all([sentinels.stop(), primary.stop()]);
  });
});

describe('The slot of a key', () => {
  it('is what the server says', async () => {
    const server = await startRedis({ args: ['--cluster-enabled', 'yes'] });
    const keys = ['', 'a', '{app~17}', '{app~17}key', '{}a', 'x{', '{{a}}', '{a}{b}', '123456789', 'ü'];
    const slots = await Promise.all(keys.map((key) => server.command('CLUSTER', 'KEYSLOT', key)));
    expect(keys.map(keySlot)).toEqual(slots);
    await server.stop();
  });
});

describe.each(['built-in', '@redis/client 6'] as const)('In a cluster, through %s', (driver) => {
  let cluster: RedisClusterProcesses;
  let access: RedisAccess;
  beforeAll(async () => void (cluster = await startRedisCluster()));
  afterEach(() => access.close());
  afterAll(() => cluster.stop());

  const open = async (): Promise<RedisAccess> => {
    const seed = cluster.nodes[0]?.address ?? '';
    return (access = await openAccess(driver, { cluster: [`127.0.0.1:${await freePort()}`, seed], ...patience }));
  };

  /** Says on every node who holds a slot. */
  const assign = async (slot: number, owner: RedisProcess): Promise<void> => {
    const id = await owner.text('CLUSTER', 'MYID');
    // The new owner first: the others learn it from there as well.
    for (const node of [owner, ...cluster.nodes.filter((other) => other !== owner)]) {
      await node.command('CLUSTER', 'SETSLOT', slot, 'NODE', id);
    }
  };

  it('each partition is asked of the node that holds it', async () => {
    await open();
    const partitions = Array.from({ length: 16 }, (_, index) => new RedisPartition(access, `{app~${index}}`));
    await Promise.all(
      partitions.map((partition, index) => partition.ask(['SET', `${partition.prefix}k`, String(index)])),
    );
    for (const [index, { prefix, slot }] of partitions.entries()) {
      expect(await cluster.ownerOf(slot).text('GET', `${prefix}k`)).toBe(String(index));
    }
    expect(await access.allConnected()).toHaveLength(3);
  });

  it('a slot that moves under load costs nothing: MOVED, ASK and TRYAGAIN are followed, a new owner is met', async () => {
    await open();
    const prefix = '{moving}';
    const met: string[] = [];
    const partition = new RedisPartition(access, prefix, (_, { present }) => {
      met.push(present);
      return Promise.resolve();
    });
    const from = cluster.ownerOf(partition.slot);
    const to = cluster.nodes.find((node) => node !== from) as RedisProcess;
    const [fromId, toId] = [await from.text('CLUSTER', 'MYID'), await to.text('CLUSTER', 'MYID')];
    const both = redisScript("return {redis.call('GET', KEYS[1]), redis.call('GET', KEYS[2])}");
    await partition.ask(['MSET', `${prefix}a`, '1', `${prefix}b`, '2']);
    let rounds = 0;
    let isOver = false;
    const errors: unknown[] = [];
    const load = (async () => {
      for (; !isOver; rounds++) {
        try {
          const [many, scripted, one] = await Promise.all([
            partition.ask(['MGET', `${prefix}a`, `${prefix}b`]),
            partition.run(both, [`${prefix}a`, `${prefix}b`], []),
            partition.ask(['GET', `${prefix}a`]),
          ]);
          expect([many, scripted, textOf(one)]).toEqual([
            [Buffer.from('1'), Buffer.from('2')],
            [Buffer.from('1'), Buffer.from('2')],
            '1',
          ]);
        } catch (error) {
          errors.push(error);
        }
      }
    })();
    await eventually(() => expect(rounds).toBeGreaterThan(5));
    await to.command('CLUSTER', 'SETSLOT', partition.slot, 'IMPORTING', fromId);
    await from.command('CLUSTER', 'SETSLOT', partition.slot, 'MIGRATING', toId);
    await from.command('MIGRATE', '127.0.0.1', to.port, `${prefix}a`, 0, 2_000);
    // One key is there, one is here: commands on both can only wait.
    await new Promise((resolve) => setTimeout(resolve, 100));
    await from.command('MIGRATE', '127.0.0.1', to.port, `${prefix}b`, 0, 2_000);
    const during = rounds;
    await eventually(() => expect(rounds).toBeGreaterThan(during + 2));
    expect(met).toHaveLength(1);
    await assign(partition.slot, to);
    const after = rounds;
    await eventually(() => expect(rounds).toBeGreaterThan(after + 5));
    isOver = true;
    await load;
    expect(errors).toEqual([]);
    expect(met).toHaveLength(2);
    expect(partition.ready).toBe(access.ready(partition.slot));
    await partition.ask(['DEL', `${prefix}a`, `${prefix}b`]);
    await assign(partition.slot, from);
  });

  it('a node that dies costs its partitions only, and comes back', async () => {
    await open();
    const partitions = Array.from({ length: 12 }, (_, index) => new RedisPartition(access, `{dying~${index}}`));
    await Promise.all(partitions.map((partition) => partition.ask(['PING'])));
    const victim = cluster.nodes[2] as RedisProcess;
    await victim.kill();
    const outcomes = await Promise.allSettled(
      partitions.map((partition) => partition.ask(['GET', `${partition.prefix}k`])),
    );
    for (const [index, outcome] of outcomes.entries()) {
      const isLost = cluster.ownerOf(partitions[index]?.slot ?? 0) === victim;
      expect([index, outcome.status]).toEqual([index, isLost ? 'rejected' : 'fulfilled']);
      if (outcome.status === 'rejected') expect(outcome.reason).toBeInstanceOf(StoreUnavailableError);
    }
    expect(outcomes.some(({ status }) => status === 'rejected')).toBe(true);
    await victim.start();
    await eventually(() => Promise.all(partitions.map((partition) => partition.ask(['GET', `${partition.prefix}k`]))));
  });
});
