import { beforeEach, describe, expect, it } from '@jest/globals';
import { encodeMark } from '../../src/store/memcached/list/list-mark.js';
import type { ListMark } from '../../src/store/memcached/list/list-mark.js';
import { MovingShard } from '../../src/store/memcached/list/moving-shard.js';
import { Seat } from '../../src/store/memcached/list/seat.js';
import type { SeatOptions } from '../../src/store/memcached/list/seat.js';
import { memoryStore } from '../../src/store/memory-store.js';
import type { ItemWrite, Revision } from '../../src/store/store.js';
import { StoreUnavailableError } from '../../src/value/errors.js';
import { shardWith } from '../support/shard-with.js';

const forever = { lifeMs: Infinity };
const markKey = '~servers';
const markOf = (number: number, isOpen: boolean): ListMark => ({
  number,
  id: `list0${number}`,
  version: number,
  servers: ['a'],
  must: ['a'],
  isOpen,
});

describe('A part of a store whose list of servers changes', () => {
  let first: Seat;
  let second: Seat;
  /** Where this process works. */
  let seat: Seat;
  let part: MovingShard;
  /** The marks of servers that were found elsewhere. */
  let moved: (number | undefined)[];

  /** One server at the list of that number; the process has begun to work on it as often as that. */
  async function seatAt(number: number, isConnected: boolean): Promise<Seat> {
    const [inner] = memoryStore().shards;
    const shard = shardWith(inner, {
      writeMany: (writes: readonly ItemWrite[]) =>
        Promise.all(writes.map(({ storeKey, bytes, options }) => inner.write(storeKey, bytes, options))),
    });
    await shard.write(markKey, encodeMark(markOf(number, true)), forever);
    return new Seat({
      server: `server ${number}`,
      shard: shard as SeatOptions['shard'],
      list: markOf(number, true),
      term: number,
      markKey,
      onMoved: (mark) => moved.push(mark?.number),
      isConnected: () => isConnected,
      confirms: true,
    });
  }

  /** Does this once the first server has carried out the next reading, and before that is answered. */
  function beforeItsAnswer(act: () => unknown): void {
    const { shard } = first;
    const read = shard.readMany.bind(shard);
    shard.readMany = async (storeKeys) => {
      const items = await read(storeKeys);
      if (storeKeys[0] !== markKey) await act();
      return items;
    };
  }

  describe.each([true, false])('on servers that are connected: %p', (isConnected) => {
    beforeEach(async () => {
      moved = [];
      first = await seatAt(1, isConnected);
      second = await seatAt(2, isConnected);
      seat = first;
      part = new MovingShard(
        'part',
        0,
        () => Promise.resolve(seat),
        () => true,
      );
    });

    it('answers as long as the server stands at the list that this process works on', async () => {
      await part.write('k', Buffer.from('v'), forever);
      beforeItsAnswer(() => undefined);
      expect((await part.readMany(['k']))[0]?.bytes.toString()).toBe('v');
      expect(moved).toEqual([]);
    });

    it('tells what the server told of an invalidation, that its records took several trips included', async () => {
      const { shard } = first;
      const invalidate = shard.invalidate.bind(shard);
      shard.invalidate = async (asked) => ({ ...(await invalidate(asked)), inParts: true });
      const asked = { feed: 'f', changes: [{ remove: 'k' }], records: [Buffer.from('k')], watch: 'w' };
      expect(await part.invalidate(asked)).toEqual({ outcomes: [], watched: undefined, inParts: true });
    });

    it('gives no answer of the list before, once this process works on another', async () => {
      await part.write('k', Buffer.from('old'), forever);
      beforeItsAnswer(() => (seat = second));
      await expect(part.readMany(['k'])).rejects.toThrow(/its list of servers was changed meanwhile/);
      expect((await part.readMany(['k']))[0]).toBeUndefined();
    });

    it('takes no revision of the list before, though servers count alike', async () => {
      const revisionOf = async (): Promise<Revision> => {
        const outcome = await part.write('k', Buffer.from('v'), forever);
        return (outcome as { revision: Revision }).revision;
      };
      const before = await revisionOf();
      seat = second;
      await revisionOf();
      expect(await part.remove('k', before)).toBe('changed');
      expect((await part.write('k', Buffer.from('late'), { ...forever, only: before })).status).toBe('changed');
    });

    it('says why it is nowhere, as of a store that is away', async () => {
      part = new MovingShard(
        'part',
        0,
        () => Promise.reject(new Error('it is not known yet')),
        () => true,
      );
      const error: unknown = await part.touch('k', 1).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(StoreUnavailableError);
      expect(String(error)).toContain('it is not known yet');
    });
  });

  it('gives no answer of a server that stands elsewhere by then, and tells where', async () => {
    first = await seatAt(1, false);
    part = new MovingShard(
      'part',
      0,
      () => Promise.resolve(first),
      () => true,
    );
    beforeItsAnswer(() => first.shard.write(markKey, encodeMark(markOf(2, false)), forever));
    await expect(part.readMany(['k'])).rejects.toThrow(/its list of servers was changed meanwhile/);
    expect(moved).toContain(2);
  });
});
