import { beforeEach, describe, expect, it } from '@jest/globals';
import { ShardVersions } from '../../src/coherence/shard-versions.js';
import { KeySpace } from '../../src/key/key-space.js';
import { memoryStore } from '../../src/store/memory-store.js';
import { maxCounter } from '../../src/store/sound-counter.js';
import type { Shard } from '../../src/store/store.js';
import { StoreUnavailableError } from '../../src/value/errors.js';
import { shardWith } from '../support/shard-with.js';

const clock = { now: () => 1_700_000_000_000, sleep: () => Promise.resolve() };
const keyOf = (version: string): string => new KeySpace('test', version, undefined).storeKey('k');

/** The list as a process of that version knows it. */
function versionsOf(
  shard: Shard,
  version: string,
  onVoided: (isCleared: boolean) => void = () => undefined,
  format?: string,
): ShardVersions {
  const space = new KeySpace('test', version, undefined, format);
  return new ShardVersions(shard, { feed: 'test~feed', keySpace: () => space, clock, random: () => 0 }, onVoided);
}

async function listOn(shard: Shard, { key }: ShardVersions): Promise<string> {
  const [item] = await shard.readMany([key]);
  return String(item?.bytes);
}

describe('The list of versions', () => {
  let shard: Shard;
  let other: ShardVersions;
  beforeEach(() => {
    [shard] = memoryStore().shards;
    other = versionsOf(shard, '1.5');
  });

  /** Of version 1.4, whose first change of the list is sent by `first`. */
  function ownOf(first: (send: () => Promise<unknown>) => Promise<unknown>): ShardVersions {
    let isFirst = true;
    const write = (...args: Parameters<Shard['write']>): Promise<unknown> => {
      const send = (): Promise<unknown> => shard.write(...args);
      const way = isFirst ? first(send) : send();
      isFirst = false;
      return way;
    };
    return versionsOf(shardWith(shard, { write }), '1.4');
  }

  describe('beside processes with another secret', () => {
    let stranger: ShardVersions;
    beforeEach(async () => {
      stranger = versionsOf(shard, '1.4', undefined, 'digest:other');
      await stranger.register();
    });

    it('tells what they void from a clear', async () => {
      const told: boolean[] = [];
      const own = versionsOf(shard, '1.4', (isCleared) => told.push(isCleared));
      await own.register();
      await stranger.voidStrangers();
      await own.reread();
      expect(told).toEqual([false]);
      await stranger.clear();
      await own.reread();
      expect(told).toEqual([false, true]);
    });

    it('stays where one answer to a change is late', async () => {
      let isLate = false;
      const write = (...args: Parameters<Shard['write']>): Promise<unknown> => {
        if (!isLate) return shard.write(...args);
        isLate = false;
        return Promise.reject(new StoreUnavailableError('the store', 'no answer'));
      };
      const own = versionsOf(shardWith(shard, { write }), '1.4');
      await own.register();
      const { generation } = own;
      isLate = true;
      await own.voidStrangers();
      expect([typeof generation, own.generation]).toEqual(['number', generation]);
    });
  });

  it('tells of a clear that was made where there was no list when it was read', async () => {
    const told: boolean[] = [];
    const own = versionsOf(shard, '1.4', (isCleared) => told.push(isCleared));
    await own.reread();
    await own.reread();
    expect(told).toEqual([]);
    await other.clear();
    await own.reread();
    await own.reread();
    expect(told).toEqual([true]);
  });

  it('tells of a list that was lost and made anew: there may have been a clear between', async () => {
    const told: boolean[] = [];
    const own = versionsOf(shard, '1.4', (isCleared) => told.push(isCleared));
    await other.register();
    await own.reread();
    await shard.remove(own.key);
    await own.reread();
    expect(told).toEqual([]);
    await other.register();
    await own.reread();
    expect(told).toEqual([true]);
  });

  it('tells nothing of a list that a version was the first to enter, nor of its own', async () => {
    const told: boolean[] = [];
    const own = versionsOf(shard, '1.4', (isCleared) => told.push(isCleared));
    await own.reread();
    await other.register();
    await own.reread();
    await own.register();
    await versionsOf(shard, '1.5', (isCleared) => told.push(isCleared)).register();
    await own.reread();
    expect(told).toEqual([]);
  });

  it('has both of two processes that enter it at the same time', async () => {
    const own = ownOf(async (send) => {
      await other.register();
      return send();
    });
    await own.register();
    await other.reread();
    expect([own.otherKeys('k', keyOf('1.4')), other.otherKeys('k', keyOf('1.5'))]).toEqual([
      [keyOf('1.5')],
      [keyOf('1.4')],
    ]);
  });

  it('stays the newest that was read, where that was read before the own change was answered', async () => {
    const own: ShardVersions = ownOf(async (send) => {
      const written = await send();
      await other.register();
      await own.reread();
      return written;
    });
    await own.register();
    expect(own.otherKeys('k', keyOf('1.4'))).toEqual([keyOf('1.5')]);
  });

  it('is read once more where it was read before the own change had arrived', async () => {
    const own: ShardVersions = ownOf(async (send) => {
      await own.reread();
      return send();
    });
    await own.register();
    expect(typeof own.generation).toBe('number');
  });

  it('clears again and again after somebody had set it to the last number that can be followed', async () => {
    const own = versionsOf(shard, '1.4');
    await own.register();
    const [, , rows] = JSON.parse(await listOn(shard, own)) as [number, number, unknown[]];
    await shard.write(own.key, Buffer.from(JSON.stringify([2, maxCounter - 1, rows])), { lifeMs: Infinity });
    await own.reread();
    const generations = [own.generation];
    for (let clears = 0; clears < 4; clears++) {
      await own.clear();
      await own.register();
      generations.push(own.generation);
    }
    expect(generations.every((generation) => typeof generation === 'number')).toBe(true);
    expect(new Set(generations).size).toBe(generations.length);
  });

  it('gives a version a new generation where an older one of it was put back under another stamp', async () => {
    let space = new KeySpace('test', '1.4', 'one');
    const options = { feed: 'test~feed', keySpace: () => space, clock, random: () => 0 };
    const own = new ShardVersions(shard, options, () => undefined);
    await own.register();
    const before = await listOn(shard, own);
    await own.clear();
    const { generation } = own;
    space = new KeySpace('test', '1.4', 'two');
    await own.register();
    await shard.write(own.key, Buffer.from(before), { lifeMs: Infinity });
    await own.reread();
    space = new KeySpace('test', '1.4', 'one');
    expect(own.generation).toBeUndefined();
    await own.register();
    expect(own.generation).toBeGreaterThan(generation as number);
  });

  it('names a version for removals whose generation is below the one that this process knew under an earlier stamp', async () => {
    // 1. The clock of one process is an hour ahead; 2. its stamp becomes another one; 3. the list is lost; 4. the first stamp is listed at the right time.
    const spaces = ['one', 'two'].map((stamp) => new KeySpace('test', '1.4', stamp)) as [KeySpace, KeySpace];
    let [space] = spaces;
    const ahead = { ...clock, now: () => clock.now() + 3_600_000 };
    const options = { feed: 'test~feed', keySpace: () => space, clock: ahead, random: () => 0 };
    const own = new ShardVersions(shard, options, () => undefined);
    await own.register();
    space = spaces[1];
    await own.register();
    await shard.remove(own.key);
    await own.reread();
    await own.register();
    await new ShardVersions(shard, { ...options, clock, keySpace: () => spaces[0] }, () => undefined).register();
    await own.reread();
    expect(own.otherKeys('k', space.storeKey('k'))).toEqual([spaces[0].storeKey('k')]);
    await own.clear();
    expect(JSON.stringify(await listOn(shard, own))).toContain(spaces[0].prefix);
  });

  it('is read once where nobody else changes it', async () => {
    let readings = 0;
    const readMany = (keys: readonly string[]): Promise<unknown> => {
      readings++;
      return shard.readMany(keys);
    };
    const own = versionsOf(shardWith(shard, { readMany }), '1.4');
    await own.register();
    expect([readings, typeof own.generation]).toEqual([1, 'number']);
  });
});
