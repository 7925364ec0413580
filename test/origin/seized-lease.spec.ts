import { beforeEach, describe, expect, it } from '@jest/globals';
import { FillLeases, giveBackAll, leaseMs } from '../../src/origin/fill-lease.js';
import type { FillLease } from '../../src/origin/fill-lease.js';
import type { Shard } from '../../src/store/store.js';
import { givenMs, LeasedKey } from './support/leased-key.js';

const hourMs = 3_600_000;
const changed = { status: 'changed' };
const bytes = (text: string): Buffer => Buffer.from(text);
let at: LeasedKey;
beforeEach(() => {
  at = new LeasedKey();
});

describe('A lease that is seized', () => {
  const leftMs = (): number => 1_000;

  it('is won where nothing is', async () => {
    const lease = await at.seize(leftMs);
    expect(lease?.standing).toBe(false);
    expect(await lease?.fill(bytes('new'), hourMs)).toMatchObject({ status: 'stored' });
  });

  it('refuses the fill of whoever had it before', async () => {
    const before = await at.won();
    const lease = await at.seize(leftMs);
    expect(lease?.standing).toBe(false);
    expect(await before.fill(bytes('late'), hourMs)).toEqual(changed);
    await at.clock.advance(leaseMs - 1);
    expect(await at.state()).toBe('held');
    expect(await lease?.fill(bytes('new'), hourMs)).toMatchObject({ status: 'stored' });
  });

  it('leaves the item readable for what it is given, and refuses whoever refreshed it', async () => {
    await at.put('old', leftMs());
    const refreshing = await at.wonRefresh();
    const lease = await at.seize(leftMs);
    expect(lease?.standing).toBe(true);
    expect(await refreshing.fill(bytes('late'), hourMs)).toEqual(changed);
    await at.clock.advance(givenMs - 1);
    expect(await at.text()).toBe('old');
    expect(await lease?.keepItem()).toBe(true);
    await at.clock.advance(leftMs());
    expect(await at.text()).toBe('old');
    expect(await lease?.fill(bytes('new'), hourMs)).toMatchObject({ status: 'stored' });
    expect(await at.text()).toBe('new');
  });

  it('keeps the item alive by each renewal also where there is no room for what stands beside it', async () => {
    await at.put('old', leftMs());
    const lease = await at.wonRefresh(leftMs);
    await at.shard.remove(`${at.key}~r`);
    await at.clock.advance(leftMs() - 1);
    await lease.renew();
    await at.clock.advance(2);
    expect(await at.text()).toBe('old');
    // Another has replaced it meanwhile.
    await at.put('newer', hourMs);
    await lease.renew();
    await at.clock.advance('1m');
    expect(await at.text()).toBe('newer');
  });

  it('keeps the item alive by each renewal, and by nothing once it has ended', async () => {
    await at.put('old', leftMs());
    const lease = await at.seize(leftMs);
    at.asked = [];
    const kept = [`readMany ${at.key}`, `touch ${at.key}`];
    expect(await lease?.renew()).toBe(true);
    expect(at.asked).toEqual(kept);
    await lease?.holdBack(10_000);
    expect(at.asked).toEqual(kept);
    expect(await at.text()).toBe('old');
  });

  it('gives no life to what has replaced the item', async () => {
    // 1. The item has a second left, and P seizes the right to replace it; 2. Q sets a newer one, for an hour; 3. P's loader runs on, and P renews.
    await at.put('old', leftMs());
    const lease = await at.seize(leftMs);
    await at.put('newer', hourMs);
    expect(await lease?.renew()).toBe(true);
    await at.clock.advance('59m');
    expect(await at.text()).toBe('newer');
    expect(await lease?.fill(bytes('late'), hourMs)).toEqual(changed);
  });

  it.each<[string, () => Promise<FillLease | undefined>]>([
    ['seized', () => at.seize(leftMs)],
    ['that refreshes', () => at.wonRefresh()],
  ])(
    'takes the item for no other where it is written again unchanged, and for another where it is not: %s',
    async (_, won) => {
      await at.put('old');
      const lease = await won();
      await at.seize(leftMs);
      expect(await lease?.fill(bytes('late'), hourMs)).toEqual(changed);
      expect(await lease?.isReplaced()).toBe(false);
      await at.put('newer');
      expect(await lease?.isReplaced()).toBe(true);
    },
  );

  it('says that the item may stand where it could not remove it, as it was written again unchanged', async () => {
    await at.put('old');
    const lease = await at.seize(leftMs);
    await at.seize(leftMs);
    expect(await lease?.removeItem()).toBe(false);
    expect(await at.text()).toBe('old');
  });

  it('puts a stub in the place of an item whose life is over, to the millisecond', async () => {
    await at.put('old');
    expect((await at.seize(() => 1))?.standing).toBe(true);
    const lease = await at.seize(() => 0);
    expect([lease?.standing, await at.state()]).toEqual([false, 'held']);
    await at.clock.advance(leaseMs);
    expect(await at.state()).toBe('won');
  });

  it('is given up where others write in between five times', async () => {
    await at.put('old');
    let times = 0;
    const contested = async (mostTimes: number): Promise<FillLease | undefined> => {
      times = 0;
      return at.seize(() => {
        if (++times <= mostTimes) void at.put('theirs');
        return hourMs;
      });
    };
    expect(await contested(5)).toBeUndefined();
    expect(times).toBe(5);
    expect(await contested(4)).toBeDefined();
    expect(times).toBe(5);
  });
});

describe('Leases of a store that can’t touch', () => {
  beforeEach(async () => {
    at = new LeasedKey(new FillLeases(true, false));
    await at.put('old');
  });

  it.each<[string, () => Promise<FillLease | undefined>, string[]]>([
    ['seized', () => at.seize(() => 1_000), []],
    ['that refreshes', () => at.wonRefresh(() => 1_000), ['write k~r']],
  ])('prolong no item that is about to end: %s', async (_, won, asked) => {
    const lease = await won();
    at.asked = [];
    expect(await lease?.renew()).toBe(true);
    expect(at.asked).toEqual(asked);
    expect(await lease?.fill(bytes('new'), hourMs)).toMatchObject({ status: 'stored' });
  });
});

describe('Leases of a store without revisions', () => {
  it('fill always, and have nothing to renew or to give back', async () => {
    const lease = at.leases.unfenced(at.shard, at.key);
    await at.put('theirs');
    at.asked = [];
    expect(await lease.renew()).toBe(true);
    expect(at.asked).toEqual([]);
    expect(await lease.fill(bytes('new'), hourMs)).toMatchObject({ status: 'stored' });
    await at.leases.unfenced(at.shard, at.key).giveBack();
    expect(await at.text()).toBe('new');
  });
});

describe('Several leases', () => {
  it('are given back together, whatever becomes of one', async () => {
    const one = await at.leases.win(at.shard, 'one');
    const two = await at.leases.win(at.shard, 'two');
    const unreachable = Object.assign(Object.create(at.shard) as Shard, {
      remove: () => Promise.reject(new Error('away')),
    });
    const lost = await at.leases.win(unreachable, 'lost');
    await giveBackAll([one, undefined, lost, two]);
    expect(await at.leases.win(at.shard, 'one')).toBeDefined();
    expect(await at.leases.win(at.shard, 'two')).toBeDefined();
    expect(await at.leases.win(at.shard, 'lost')).toBeUndefined();
  });
});
