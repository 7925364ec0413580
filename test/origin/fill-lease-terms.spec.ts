import { beforeEach, describe, expect, it } from '@jest/globals';
import { companionKey } from '../../src/key/key-space.js';
import { FillLeases, leaseMs } from '../../src/origin/fill-lease.js';
import type { FillLease } from '../../src/origin/fill-lease.js';
import type { Shard } from '../../src/store/store.js';
import { StoreUnavailableError } from '../../src/value/errors.js';
import { shardWith } from '../support/shard-with.js';
import { givenMs, LeasedKey, lifeWith } from './support/leased-key.js';

const hourMs = 3_600_000;
const changed = { status: 'changed' };
const bytes = (text: string): Buffer => Buffer.from(text);
/** Nobody can say how long the item lives. */
const unmeasured = (): undefined => undefined;
let at: LeasedKey;
beforeEach(() => {
  at = new LeasedKey();
});

describe('A lease on a miss', () => {
  it('stands for three seconds, and for three more from each renewal', async () => {
    const lease = await at.won();
    await at.clock.advance(leaseMs - 1);
    expect(await at.state()).toBe('held');
    expect(await lease.renew()).toBe(true);
    await at.clock.advance(leaseMs - 1);
    expect(await at.state()).toBe('held');
    await at.clock.advance(1);
    expect(await at.state()).toBe('won');
    expect(leaseMs).toBe(3_000);
  });

  it('fills once, and is over', async () => {
    const lease = await at.won();
    expect(await lease.fill(bytes('1'), hourMs)).toMatchObject({ status: 'stored' });
    expect(await lease.fill(bytes('2'), hourMs)).toEqual(changed);
    expect(lease.fillAmongOthers(bytes('3'), hourMs)).toBeUndefined();
    expect(await lease.renew()).toBe(false);
    at.asked = [];
    await Promise.all([lease.giveBack(), lease.removeItem(), lease.holdBack(1_000)]);
    expect(at.asked).toEqual([]);
    expect(await at.text()).toBe('1');
  });

  it('is refused after an invalidation, and knows so from its next renewal on', async () => {
    const lease = await at.won();
    await at.shard.remove(at.key);
    expect(await lease.renew()).toBe(false);
    at.asked = [];
    expect(await lease.fill(bytes('late'), hourMs)).toEqual(changed);
    expect(at.asked).toEqual([]);
    const other = await at.won();
    await at.shard.remove(at.key);
    expect(await other.fill(bytes('late'), hourMs)).toEqual(changed);
    expect(await at.text()).toBeUndefined();
  });

  it('fills after a renewal that is under way, by the revision that this has made', async () => {
    const lease = await at.won();
    const renewing = lease.renew();
    expect(lease.fillAmongOthers(bytes('1'), hourMs)).toBeUndefined();
    expect(await lease.fill(bytes('1'), hourMs)).toMatchObject({ status: 'stored' });
    expect(await renewing).toBe(true);
    expect(await at.text()).toBe('1');
  });

  it('fills among other writes, bound to its revision', async () => {
    const lease = await at.won();
    const write = lease.fillAmongOthers(bytes('1'), hourMs);
    expect(write).toMatchObject({ storeKey: at.key, options: { lifeMs: hourMs, neverShorter: true } });
    expect(await lease.fill(bytes('2'), hourMs)).toEqual(changed);
    await at.shard.remove(at.key);
    expect((await at.shard.write(at.key, bytes('1'), write?.options ?? { lifeMs: 1 })).status).toBe('changed');
  });

  it('is given back at once, after a renewal that is under way', async () => {
    const lease = await at.won();
    void lease.renew();
    await lease.giveBack();
    at.asked = [];
    expect(await lease.fill(bytes('late'), hourMs)).toEqual(changed);
    await lease.giveBack();
    expect(at.asked).toEqual([]);
    expect(await at.state()).toBe('won');
  });

  it('is given back after a renewal that was sent and not answered, whose stub it removes', async () => {
    const lease = await at.won();
    at.asked = [];
    const renewing = lease.renew();
    while (at.asked.length === 0) await Promise.resolve();
    await lease.giveBack();
    expect(await renewing).toBe(true);
    expect(await at.state()).toBe('won');
  });

  it('given back leaves alone what somebody else has filled meanwhile', async () => {
    const lease = await at.won();
    await at.put('theirs');
    await lease.giveBack();
    expect(await at.text()).toBe('theirs');
  });

  it('is held back for so long after a failure, and not at all for 0', async () => {
    const held = await at.won();
    await held.holdBack(10_000);
    expect(await held.fill(bytes('late'), hourMs)).toEqual(changed);
    await at.clock.advance(9_999);
    expect(await at.state()).toBe('held');
    await at.clock.advance(1);
    const notAtAll = await at.won();
    await notAtAll.holdBack(0);
    const briefly = await at.won();
    await briefly.holdBack(1);
    expect(await at.state()).toBe('held');
  });

  it('removes nothing but the stub that it stands for', async () => {
    const lease = await at.won();
    await lease.removeItem();
    expect(await at.text()).toBeUndefined();
    const late = await at.won();
    await at.put('theirs');
    await late.removeItem();
    expect(await at.text()).toBe('theirs');
  });

  it('(−) fills and removes whatever stands there where it is not bound to a revision', async () => {
    at = new LeasedKey(new FillLeases(false));
    const lease = await at.won();
    await at.put('theirs');
    expect(await lease.renew()).toBe(false);
    expect(await lease.fill(bytes('late'), hourMs)).toMatchObject({ status: 'stored' });
    expect(await at.text()).toBe('late');
    await at.shard.remove(at.key);
    const other = await at.won();
    await at.put('theirs');
    await other.removeItem();
    expect(await at.text()).toBeUndefined();
  });
});

describe('A lease beside an item that is read on', () => {
  beforeEach(() => at.put('old'));

  it('is one at a time; the item stays until it is filled', async () => {
    const lease = await at.wonRefresh();
    const second = await at.leases.winRefresh(at.shard, at.key, unmeasured);
    expect([second.item?.bytes.toString(), second.lease]).toEqual(['old', undefined]);
    expect(await at.refreshing()).toBe(true);
    expect(await at.state()).toBe('item');
    expect(lease.fillAmongOthers(bytes('new'), hourMs)).toBeUndefined();
    expect(await lease.fill(bytes('new'), hourMs)).toMatchObject({ status: 'stored' });
    expect(await at.text()).toBe('new');
    expect(await at.refreshing()).toBe(false);
  });

  it('is not to be had where the item has gone, and leaves nothing behind there', async () => {
    await at.shard.remove(at.key);
    expect(await at.leases.winRefresh(at.shard, at.key, unmeasured)).toEqual({});
    expect(await at.refreshing()).toBe(false);
    await at.won();
    expect(await at.leases.winRefresh(at.shard, at.key, unmeasured)).toEqual({});
    expect(await at.refreshing()).toBe(false);
    await at.shard.write(companionKey(at.key), bytes(''), { lifeMs: hourMs });
    await at.leases.winRefresh(at.shard, at.key, unmeasured);
    expect(await at.refreshing()).toBe(true); // it is somebody else's
  });

  it('is renewed beside it; one that was lost loses nothing but that others refresh as well', async () => {
    const lease = await at.wonRefresh();
    await at.clock.advance(leaseMs - 1);
    expect(await lease.renew()).toBe(true);
    await at.clock.advance(leaseMs - 1);
    expect(await at.refreshing()).toBe(true);
    await at.clock.advance(1);
    expect(await at.refreshing()).toBe(false);
    expect(await lease.renew()).toBe(true);
    expect(await lease.fill(bytes('new'), hourMs)).toMatchObject({ status: 'stored' });
  });

  it('given back or held back leaves the item where it is', async () => {
    const lease = await at.wonRefresh();
    await lease.giveBack();
    expect([await at.text(), await at.refreshing()]).toEqual(['old', false]);
    const failed = await at.wonRefresh();
    await failed.holdBack(10_000);
    expect(at.asked).toEqual([`write ${companionKey(at.key)}`]);
    await at.clock.advance(9_999);
    expect([await at.text(), await at.refreshing()]).toEqual(['old', true]);
    await at.clock.advance(1);
    expect(await at.refreshing()).toBe(false);
  });

  it('removes the item, and its own stub beside it', async () => {
    const lease = await at.wonRefresh();
    await lease.removeItem();
    expect([await at.text(), await at.refreshing()]).toEqual([undefined, false]);
  });

  it('gives the item what it is to have whenever it has no more than six seconds left', async () => {
    const lease = await at.wonRefresh(() => 2 * leaseMs);
    expect(at.asked).toEqual([]);
    expect(await lease.renew()).toBe(true);
    expect(at.asked).toEqual([`write ${companionKey(at.key)}`, `readMany ${at.key}`, `touch ${at.key}`]);
    await at.clock.advance(givenMs - 1);
    expect(await at.text()).toBe('old');
    await at.clock.advance(1);
    expect(await at.text()).toBeUndefined();
  });

  it('gives no life to what has replaced the item', async () => {
    // 1. The item has a second left, and P wins the right to replace it; 2. Q sets a newer one, for an hour; 3. P's loader runs on, and P renews.
    const lease = await at.wonRefresh(() => 1_000);
    await at.put('newer', hourMs);
    expect(await lease.renew()).toBe(true);
    await at.clock.advance('59m');
    expect(await at.text()).toBe('newer');
    expect(await lease.fill(bytes('late'), hourMs)).toEqual(changed);
  });

  it('gives it no life where it has more, or where nobody can say how much', async () => {
    const lease = await at.wonRefresh(() => 2 * leaseMs + 1);
    await lease.renew();
    expect(at.asked).toEqual([`write ${companionKey(at.key)}`]);
    await lease.giveBack();
    const { lease: other } = await at.leases.winRefresh(at.shard, at.key, unmeasured);
    at.asked = [];
    expect(await other?.renew()).toBe(true);
    expect(at.asked).toEqual([`write ${companionKey(at.key)}`]);
  });

  it('gives it no less where its life is long over', async () => {
    await at.wonRefresh(() => -hourMs);
    await at.clock.advance(givenMs - 1);
    expect(await at.text()).toBe('old');
    await at.clock.advance(1);
    expect(await at.text()).toBeUndefined();
  });

  it('is not won where the item goes at that moment, and leaves nothing behind there', async () => {
    const won = await at.leases.winRefresh(at.shard, at.key, () => {
      void at.shard.remove(at.key);
      return lifeWith(() => 0);
    });
    expect(won).toEqual({});
    expect(await at.refreshing()).toBe(false);
  });

  it.each(['readMany', 'touch'])(
    'leaves nothing behind where the store fails in the middle of it: %s',
    async (operation) => {
      const failing = shardWith(at.shard, { [operation]: () => Promise.reject(new Error('away')) });
      await expect(at.leases.winRefresh(failing, at.key, () => lifeWith(() => 0))).rejects.toThrow('away');
      expect(await at.refreshing()).toBe(false);
    },
  );

  describe('on a store that does not remove what stands beside it', () => {
    const away = (): Promise<never> => Promise.reject(new StoreUnavailableError('the store', 'it is away'));
    const wonThere = async (): Promise<FillLease | undefined> => {
      const remove: Shard['remove'] = (key, revision) =>
        key === companionKey(at.key) ? away() : at.shard.remove(key, revision);
      return (await at.leases.winRefresh(shardWith(at.shard, { remove }), at.key, unmeasured)).lease;
    };

    it('tells what became of the item all the same', async () => {
      expect(await (await wonThere())?.fill(bytes('new'), hourMs)).toMatchObject({ status: 'stored' });
      expect(await at.text()).toBe('new');
      await at.clock.advance(leaseMs);
      await (await wonThere())?.giveBack();
      await at.clock.advance(leaseMs);
      expect(await (await wonThere())?.removeItem()).toBe(true);
      expect(await at.text()).toBeUndefined();
    });

    it('is not to be had where the item has gone', async () => {
      await at.shard.remove(at.key);
      expect(await wonThere()).toBeUndefined();
    });
  });
});
