import { afterEach, describe, expect, it } from '@jest/globals';
import { CacheLock } from '../../../src/lock/cache-lock.js';
import type { Lease, LockProtections } from '../../../src/lock/lease.js';
import { redisStoreWith } from '../../../src/store/redis/redis-store.js';
import { eventually } from '../../support/eventually.js';
import { startReplica } from '../../support/redis-fleet.js';
import { startRedis } from '../../support/redis-process.js';
import type { RedisProcess } from '../../support/redis-process.js';
import { startTcpProxy, TcpProxy } from '../../support/tcp-proxy.js';
import { leaseOf } from '../../lock/support/open-locks.js';
import { testedDriver } from './drivers.js';
import { patience } from '../../support/patience.js';

const endings: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

/** A lock room with a connection of its own, as in another process. */
async function locksOn({ url }: RedisProcess, protections: LockProtections): Promise<CacheLock> {
  const options = { url, ...patience };
  const store = redisStoreWith(options, { driver: () => testedDriver('built-in') });
  await store.open();
  const locks = new CacheLock({ store, namespace: 'test', ttl: '30s', deadline: '10s' }, protections);
  endings.push(async () => {
    await locks.shutdown(0);
    await store.close();
  });
  return locks;
}

interface Failover {
  readonly ours: CacheLock;
  readonly theirs: CacheLock;
  /** What was drawn before the primary died, in order. */
  readonly tokens: number[];
  /** Held when it died. */
  readonly lease: Lease;
}

/**
 * A lock is taken from the primary again and again; its replica hears of the first grants only, then takes over at the primary's address.
 * @param replicated whether it hears of the last grant, which is held throughout.
 */
async function failOver(replicated: boolean, protections: LockProtections = {}): Promise<Failover> {
  const primary = await startRedis();
  endings.push(() => primary.stop());
  const replication = await startTcpProxy(primary.port);
  endings.push(() => replication.close());
  const replica = await startReplica(replication.port);
  endings.push(() => replica.stop());
  const [ours, theirs] = [await locksOn(primary, protections), await locksOn(primary, protections)];
  const tokens: number[] = [];
  const take = async (): Promise<Lease> => {
    const lease = leaseOf(await ours.acquire('a', { renew: false }));
    tokens.push(lease.fencingToken);
    return lease;
  };
  const cutOff = async (): Promise<void> => {
    // It waits for what was written over its own connection, and for all before that.
    await primary.command('SET', 'replicated', 'yes');
    expect(await primary.command('WAIT', 1, 30_000)).toBe(1);
    await replica.command('REPLICAOF', 'NO', 'ONE');
  };
  await (await take()).release();
  if (!replicated) await cutOff();
  for (let round = 0; round < 20; round++) await (await take()).release();
  const lease = await take();
  if (replicated) await cutOff();
  await primary.kill();
  const moved = new TcpProxy(replica.port);
  moved.port = primary.port;
  await moved.refuse(false);
  endings.push(() => moved.close());
  return { ours, theirs, tokens, lease };
}

describe('R6 A replica that takes over from the primary of a held lock', () => {
  it('and heard of the grant: the lock is held, renewed and released as before', async () => {
    const { theirs, tokens, lease } = await failOver(true);
    const outcome = await eventually(async () => {
      const tried = await theirs.acquire('a');
      if (tried.status === 'unavailable') throw new Error('not back yet');
      return tried;
    });
    expect(outcome.status).toBe('held');
    expect(await lease.renew()).toBe(true);
    expect(await lease.release()).toBe('released');
    const next = leaseOf(await theirs.acquire('a'));
    expect(next.fencingToken).toBeGreaterThan(Math.max(...tokens));
  });

  it('and did not hear of it: the lock is granted anew, with a larger token than all before, and the earlier holder has lost it', async () => {
    const { theirs, tokens, lease } = await failOver(false);
    const next = await eventually(async () => leaseOf(await theirs.acquire('a')));
    expect(next.fencingToken).toBeGreaterThan(Math.max(...tokens));
    expect(await lease.renew()).toBe(false);
    expect(await lease.release()).toBe('lost');
    expect(await next.renew()).toBe(true);
  });

  it('(−) gives out tokens that were given out before where they do not follow the clock', async () => {
    const { theirs, tokens } = await failOver(false, { followsClock: false });
    const next = await eventually(async () => leaseOf(await theirs.acquire('a')));
    expect(tokens).toContain(next.fencingToken);
  });
});

it.each(['FLUSHALL', 'restart'] as const)(
  'R6 A server that lost everything by %s gives out larger tokens than before',
  async (loss) => {
    const server = await startRedis();
    endings.push(() => server.stop());
    const [ours, theirs] = [await locksOn(server, {}), await locksOn(server, {})];
    const lease = leaseOf(await ours.acquire('a'));
    if (loss === 'restart') await server.restart();
    else await server.command(loss);
    const next = await eventually(async () => leaseOf(await theirs.acquire('a')));
    expect(next.fencingToken).toBeGreaterThan(lease.fencingToken);
    expect(await lease.release()).toBe('lost');
    expect(await next.renew()).toBe(true);
  },
);
