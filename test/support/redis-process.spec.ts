import { afterEach, describe, expect, it } from '@jest/globals';
import { eventually } from './eventually.js';
import { startRedisCluster, startReplica, startSentinels } from './redis-fleet.js';
import { startRedis } from './redis-process.js';

describe('redis-server for tests', () => {
  const stops: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const stop of stops.splice(0).reverse()) await stop();
  });
  const stopping = <S extends { stop(): Promise<void> }>(server: S): S => {
    stops.push(() => server.stop());
    return server;
  };

  it('a server starts, answers, forgets at a restart, and remembers with a snapshot', async () => {
    const server = stopping(await startRedis());
    await server.command('SET', 'k', 'v');
    expect(await server.text('GET', 'k')).toBe('v');
    const before = await server.info('server');
    await server.restart();
    expect(await server.command('GET', 'k')).toBeNull();
    expect((await server.info('server'))['run_id']).not.toBe(before['run_id']);
    await server.command('SET', 'k', 'kept');
    await server.command('SAVE');
    await server.restart();
    expect(await server.text('GET', 'k')).toBe('kept');
    await expect(server.command('NO-SUCH')).rejects.toThrow('unknown command');
  });

  it('a replica follows, and sentinels promote it when its primary is gone', async () => {
    const primary = stopping(await startRedis());
    const replica = stopping(await startReplica(primary.port));
    const sentinels = stopping(await startSentinels(primary));
    await primary.command('SET', 'k', 'v');
    await eventually(async () => expect(await replica.text('GET', 'k')).toBe('v'));
    await sentinels.watchClosely();
    await primary.kill();
    await eventually(async () => expect((await replica.info('replication'))['role']).toBe('master'));
    expect(sentinels.addresses).toHaveLength(3);
  });

  it('a cluster of three holds every slot', async () => {
    const cluster = stopping(await startRedisCluster());
    const slot = Number(await cluster.nodes[0]?.command('CLUSTER', 'KEYSLOT', '{a}k'));
    expect(await cluster.ownerOf(slot).text('SET', '{a}k', 'v')).toBe('OK');
  });
});
