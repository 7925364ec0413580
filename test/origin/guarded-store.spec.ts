import { stat } from 'node:fs/promises';
import { describe, expect, it } from '@jest/globals';
import { guarded } from '../../src/origin/guarded-store.js';
import { ItemAsk } from '../../src/store/item-ask.js';
import { memoryStore } from '../../src/store/memory-store.js';
import { memcachedStore } from '../../src/store/memcached/memcached-store.js';
import { redisStore } from '../../src/store/redis/redis-store.js';
import type { FeedQuestion } from '../../src/store/feed.js';
import type { Shard, Store } from '../../src/store/store.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { InvalidKeyError, StoreUnavailableError } from '../../src/value/errors.js';
import { wasClosed } from '../../src/value/was-closed.js';
import { recordEvents } from '../support/recorded-events.js';

const optional = [
  'evicts',
  'stats',
  'watchFeed',
  'watchItem',
  'draw',
  'invalidate',
  'readFeed',
  'writeMany',
  'readNow',
];

/** A store with one shard, which is the one in memory but for these operations. */
function storeWith(
  operations: Readonly<Record<string, unknown>>,
  capabilities: Partial<Store['capabilities']> = {},
): Store {
  const inMemory = memoryStore();
  const shard = Object.assign(Object.create(inMemory.shards[0]) as Shard, operations);
  return {
    name: 'partial',
    capabilities: { ...inMemory.capabilities, ...capabilities },
    shards: [shard],
    shardOf: () => shard,
    open: () => inMemory.open(),
    close: () => inMemory.close(),
  };
}
class Question extends ItemAsk {
  constructor(private readonly told: (outcome: unknown) => void) {
    super('k', 1_000);
  }
  protected override take(): void {
    this.told(undefined);
  }
  protected override fail(error: unknown): void {
    this.told(error);
  }
}

const never = (): Promise<never> => new Promise(() => {});
const manyWrites = Array.from({ length: 10_000 }, () => ({
  storeKey: 'k',
  bytes: Buffer.of(1),
  options: { lifeMs: 1_000 },
}));
/** Room that an answer made is given away a turn later. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

describe('A guarded shard', () => {
  it.each(optional)('has %s where the shard has it, and only there', (operation) => {
    const without = Object.fromEntries(optional.map((name) => [name, undefined]));
    const shardOf = (operations: Record<string, unknown>): Shard => guarded(storeWith(operations)).shards[0];
    expect(typeof shardOf(without)[operation as keyof Shard]).toBe('undefined');
    expect(typeof shardOf({ ...without, [operation]: () => operation })[operation as keyof Shard]).toBe('function');
  });

  it('takes what a shard throws at once for an answer, and gives its turn back', async () => {
    const thrower = (): never => {
      throw new TypeError('at once');
    };
    const store = storeWith({ touch: thrower, readInto: thrower }, { keepsDeadlines: true });
    const [shard] = guarded(store, { maxPending: 1 }).shards;
    await expect(shard.touch('k', 1)).rejects.toThrow(StoreUnavailableError);
    const told: unknown[] = [];
    expect(shard.readInto?.([new Question((outcome) => told.push(outcome))])).toBe(true);
    expect(told).toEqual([expect.any(StoreUnavailableError)]);
    await expect(shard.touch('k', 1)).rejects.toThrow(StoreUnavailableError);
    expect(await shard.readMany(['k'])).toEqual([undefined]);
  });

  it('has no feed where the store is not atomic', () => {
    const shard: object = guarded(storeWith({}, { atomic: false })).shards[0];
    expect(Reflect.get(shard, 'invalidate')).toBeUndefined();
  });

  it.each([
    ['as a store of ours does', new StoreUnavailableError('partial', wasClosed)],
    ['in its own words', new Error('the client is gone')],
  ])(
    'tells of no fault where its store ends a reading of the feed as it closes, %s, and of one where it is closed already',
    async (_, error) => {
      let end = (): void => {};
      const ended = new Promise<never>((__, reject) => {
        end = () => reject(error);
      });
      const store = guarded({ ...storeWith({ readFeed: () => ended }), close: async () => end() });
      const question: FeedQuestion = { feed: 'ns', since: undefined, watch: 'ns~versions', maxBehindBytes: 1_000 };
      const faults = recordEvents('fault');
      await store.open();
      const reading = expect(store.shards[0].readFeed?.(question)).rejects.toThrow(wasClosed);
      await store.close();
      await reading;
      expect(faults.all).toEqual([]);
      await expect(store.shards[0].readFeed?.(question)).rejects.toThrow(StoreUnavailableError);
      expect(faults.of('fault').map(({ kind }) => kind)).toEqual(['unavailable']);
      faults.stop();
    },
  );

  it('passes facts on', async () => {
    const facts = { entries: 7 };
    expect(await guarded(storeWith({ stats: async () => facts })).shards[0].stats?.()).toEqual(facts);
  });

  it('sends 2,500 commands before more wait for their turn', async () => {
    let asked = 0;
    const shard = guarded(storeWith({ touch: () => (asked++, never()) })).shards[0];
    for (let index = 0; index < 2_510; index++) void shard.touch('k', 1).catch(() => {});
    await settle();
    expect(asked).toBe(2_500);
  });

  it('goes on with others beside a batch, however many commands it has', async () => {
    const shard = guarded(storeWith({ writeMany: never, touch: async () => true })).shards[0];
    void shard.writeMany?.(manyWrites).catch(() => {});
    expect(await shard.touch('k', 1)).toBe(true);
  });

  it('goes on with others beside several batches, however many commands these have', async () => {
    const shard = guarded(storeWith({ writeMany: never, touch: async () => true })).shards[0];
    for (let batches = 0; batches < 3; batches++) void shard.writeMany?.(manyWrites).catch(() => {});
    expect(await shard.touch('k', 1)).toBe(true);
  });

  it('lets a batch wait for another as long as that takes, and ends the wait where that has failed', async () => {
    const clock = new FakeClock();
    const ends: ((error?: Error) => void)[] = [];
    const readMany = (): Promise<unknown> =>
      new Promise((resolve, reject) => ends.push((error) => (error ? reject(error) : resolve([]))));
    const store = storeWith({ readMany }, { keepsDeadlines: true });
    const shard = guarded(store, { maxPending: 100, breaker: { failures: 1 }, clock }).shards[0];
    const keys = Array.from({ length: 200 }, () => 'k');
    const all = [1, 2, 3, 4].map(() => shard.readMany(keys).then(String, (error: Error) => error.message));
    await clock.advance('5s');
    expect(ends).toHaveLength(1);
    ends[0]?.();
    await settle();
    await clock.advance('5s');
    expect(ends).toHaveLength(2);
    ends[1]?.(new Error('cut'));
    const leftAlone = expect.stringContaining('left alone');
    expect(await Promise.all(all)).toEqual(['', expect.stringContaining('it failed'), leftAlone, leftAlone]);
  });

  it('lets a batch wait for another that is not sent yet as long as it answers anybody', async () => {
    const clock = new FakeClock();
    const ends: (() => void)[] = [];
    const touch = (): Promise<boolean> => new Promise((resolve) => ends.push(() => resolve(true)));
    const store = storeWith({ touch, readMany: async () => [] }, { keepsDeadlines: true });
    const shard = guarded(store, { maxPending: 100, clock }).shards[0];
    const touched = Promise.all(Array.from({ length: 100 }, () => shard.touch('k', 1)));
    const keys = Array.from({ length: 50 }, () => 'k');
    const read = Promise.all([shard.readMany(keys), shard.readMany(keys)]);
    read.catch(() => {});
    for (let answers = 0; answers < 5; answers++) {
      await clock.advance(200);
      ends.shift()?.();
      await settle();
    }
    for (const end of ends) end();
    await touched;
    expect(await read).toEqual([[], []]);
  });

  it('refuses a batch at once while the shard is left alone, also where another is under way', async () => {
    const touch = (): Promise<never> => Promise.reject(new Error('away'));
    const store = storeWith({ touch, readMany: never }, { keepsDeadlines: true });
    const shard = guarded(store, { breaker: { failures: 1 }, clock: new FakeClock() }).shards[0];
    const keys = Array.from({ length: 1_250 }, () => 'k');
    void shard.readMany(keys);
    await expect(shard.touch('k', 1)).rejects.toThrow('it failed');
    await expect(shard.readMany(keys)).rejects.toThrow('left alone');
  });

  it('sends a batch that is bound to revisions before one that came earlier', async () => {
    const sent: string[] = [];
    let end = (): void => {};
    const readMany = (): Promise<unknown> => {
      sent.push('look-ups');
      return new Promise((resolve) => (end = () => resolve([])));
    };
    const writeMany = async (): Promise<unknown> => (sent.push('writes'), []);
    const shard = guarded(storeWith({ readMany, writeMany }, { keepsDeadlines: true })).shards[0] as Required<Shard>;
    const keys = Array.from({ length: 1_250 }, () => 'k');
    const only = { session: 1, number: 1 };
    const writes = manyWrites.map((write) => ({ ...write, options: { ...write.options, only } }));
    const all = [shard.readMany(keys), shard.readMany(keys), shard.writeMany(writes)];
    end();
    await settle();
    expect(sent).toEqual(['look-ups', 'writes']);
    await settle();
    end();
    await Promise.all(all);
    expect(sent).toEqual(['look-ups', 'writes', 'look-ups']);
  });

  it('lets others wait for an answer as long as a batch is under way', async () => {
    const clock = new FakeClock();
    let end = (): void => {};
    const readMany = (): Promise<unknown> => new Promise((resolve) => (end = () => resolve([])));
    const store = storeWith({ readMany, touch: never }, { keepsDeadlines: true });
    const shard = guarded(store, { maxPending: 100, clock }).shards[0];
    const read = shard.readMany(Array.from({ length: 50 }, () => 'k'));
    let told: unknown;
    for (let touches = 0; touches < 51; touches++) shard.touch('k', 1).catch((error: unknown) => (told = error));
    await clock.advance('1s');
    expect(told).toBeUndefined();
    end();
    await read;
    await settle();
    for (let touches = 0; touches < 50; touches++) shard.touch('k', 1).catch((error: unknown) => (told = error));
    await clock.advance('1s');
    expect(String(told)).toContain('no answer to anybody');
  });

  it('makes room for others by an answer, and by a failure as well', async () => {
    const ends: [resolve: (found: boolean) => void, reject: (error: Error) => void][] = [];
    const touch = (): Promise<boolean> => new Promise((...both) => ends.push(both));
    const shard = guarded(storeWith({ touch }), { maxPending: 1 }).shards[0];
    const outcomes = Promise.allSettled([1, 2, 3].map(() => shard.touch('k', 1)));
    ends[0]?.[1](new Error('once'));
    await settle();
    expect(ends).toHaveLength(2);
    ends[1]?.[0](true);
    await settle();
    ends[2]?.[0](false);
    expect((await outcomes).map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled']);
  });

  it('reads the feed while nothing else is sent: ahead of a full queue, and past an open breaker', async () => {
    const question: FeedQuestion = { feed: 'ns', since: undefined, watch: 'ns~versions', maxBehindBytes: 65_536 };
    let asked = 0;
    const readFeed = (): Promise<string> => Promise.resolve(`reading ${++asked}`);
    const clock = new FakeClock();
    const full = guarded(storeWith({ touch: never, readFeed }), { maxPending: 1, clock }).shards[0];
    let answers = 0;
    const answered = (): number => ++answers;
    full.touch('k', 1).then(answered, answered);
    full.readMany(['k']).then(answered, answered);
    expect(await full.readFeed?.(question)).toBe('reading 1');
    await settle();
    expect(answers).toBe(0);

    const touch = (): Promise<never> => Promise.reject(new Error('away'));
    const broken = guarded(storeWith({ touch, readFeed }), { breaker: { failures: 1 }, clock }).shards[0];
    await expect(broken.touch('k', 1)).rejects.toThrow('it failed');
    await settle();
    await expect(broken.readMany(['k'])).rejects.toThrow('left alone');
    expect(await broken.readFeed?.(question)).toBe('reading 2');
  });

  it('sends what is bound to a revision before look-ups that came earlier', async () => {
    const sent: string[] = [];
    const ends: (() => void)[] = [];
    const sends = (name: string) => (): Promise<unknown> => {
      sent.push(name);
      return new Promise((resolve) => ends.push(() => resolve([])));
    };
    const operations = {
      readMany: sends('look-up'),
      write: sends('write'),
      writeMany: sends('writes'),
      remove: sends('removal'),
    };
    const shard = guarded(storeWith(operations), { maxPending: 1, clock: new FakeClock() })
      .shards[0] as Required<Shard>;
    const only = { session: 1, number: 1 };
    const bound = { storeKey: 'k', bytes: Buffer.alloc(1), options: { lifeMs: 1, only } };
    const free = { ...bound, options: { lifeMs: 1 } };
    const all = [
      shard.readMany(['k']),
      shard.readMany(['k']),
      shard.write('k', free.bytes, free.options),
      shard.writeMany([bound, free]),
      shard.remove('k'),
      shard.write('k', bound.bytes, bound.options),
      shard.writeMany([bound]),
      shard.remove('k', only),
    ];
    for (let ended = 0; ended < all.length; ended++) {
      ends[ended]?.();
      await settle();
    }
    await Promise.all(all);
    const inOrder = ['look-up', 'write', 'writes', 'removal'];
    expect(sent).toEqual(['look-up', 'write', 'writes', 'removal', ...inOrder]);
  });

  it('takes a refused argument for a sign of life, and everything else for a failure', async () => {
    let error: Error = new Error('away');
    const faults = recordEvents('fault');
    const shard = guarded(storeWith({ touch: () => Promise.reject(error) }), {
      breaker: { failures: 2 },
      clock: new FakeClock(),
    }).shards[0];
    const outcome = async (): Promise<unknown> => {
      const rejection = await shard.touch('k', 1).catch((reason: unknown) => reason);
      await settle();
      return rejection;
    };
    expect(await outcome()).toBeInstanceOf(StoreUnavailableError);
    error = new InvalidKeyError('it is not one');
    expect(await outcome()).toBe(error);
    error = new StoreUnavailableError('partial', 'it is away');
    expect(await outcome()).toBe(error);
    expect(await outcome()).toBe(error);
    expect(String(await outcome())).toContain('left alone');
    faults.stop();
    expect(faults.of('fault').map(({ kind }) => kind)).toEqual(['unavailable', 'unavailable', 'unavailable']);
  });

  it('says while it leaves a shard alone what that failed with last', async () => {
    let problem = 'WRONGPASS it says';
    const clock = new FakeClock();
    const touch = (): Promise<never> => Promise.reject(new StoreUnavailableError('partial', problem));
    const shard = guarded(storeWith({ touch }), { breaker: { failures: 1 }, clock }).shards[0];
    const fails = (): Promise<unknown> => shard.touch('k', 1).catch((error: unknown) => settle().then(() => error));
    expect(String(await fails())).toMatch(/partial: WRONGPASS it says\. Check/);
    const refused =
      /memory: it failed several times in a row and is left alone\. Its last failure: WRONGPASS it says\. Check/;
    for (let times = 0; times < 2; times++) expect(String(await fails())).toMatch(refused);
    problem = 'no connection';
    await clock.advance(1_000);
    await fails();
    expect(String(await fails())).toContain('left alone. Its last failure: no connection. Check');
  });

  it('makes room by a question that is refused, which counts as a failure', async () => {
    const asked: ItemAsk[] = [];
    const readInto = (questions: readonly ItemAsk[]): boolean => asked.push(...questions) > 0;
    const shard = guarded(storeWith({ readInto, touch: () => Promise.resolve(true) }), {
      maxPending: 1,
      breaker: { failures: 1 },
      clock: new FakeClock(),
    }).shards[0];
    let goesAhead: boolean | undefined;
    const refusal = new Promise<unknown>((resolve) => (goesAhead = shard.readInto?.([new Question(resolve)])));
    expect(goesAhead).toBe(true);
    const waiting = shard.touch('k', 1);
    asked[0]?.refuse(new Error('cut'));
    expect(await refusal).toBeInstanceOf(StoreUnavailableError);
    expect(await waiting).toBe(true);
    asked.length = 0;
    await settle();
    const again = new Promise<unknown>((resolve) => shard.readInto?.([new Question(resolve)]));
    asked[0]?.refuse(new Error('cut'));
    await again;
    await expect(shard.touch('k', 1)).rejects.toThrow(/left alone/);
  });

  describe('that is asked a question once more', () => {
    // 1. A key waits for another's load: its question was let pass, and answered; 2. it is asked again when the shard answers into no question.
    const item = { bytes: Buffer.from('v'), revision: { session: 1, number: 1 }, won: false };
    const asked: ItemAsk[] = [];
    const readInto = (questions: readonly ItemAsk[]): boolean => asked.push(...questions) > 0;
    const answered = (question: Question): void => {
      asked.length = 0;
      question.answer({ ...item, start: 0, end: 1, session: 1, revision: 1 });
    };
    const ends: [resolve: (found: boolean) => void, reject: (error: Error) => void][] = [];
    const touch = (): Promise<boolean> => new Promise((...both) => ends.push(both));
    const readOrStub = (): Promise<unknown> => Promise.resolve([item]);
    /** How many of four commands go at once. */
    const sent = async (shard: Shard): Promise<number> => {
      ends.length = 0;
      for (let index = 0; index < 4; index++) void shard.touch('k', 1).catch(() => {});
      await settle();
      return ends.length;
    };

    it('counts it once where it waits for its turn', async () => {
      const [shard] = guarded(storeWith({ readInto, readOrStub, touch }), { maxPending: 2 }).shards;
      const told: unknown[] = [];
      const question = new Question((outcome) => told.push(outcome));
      shard.readInto?.([question]);
      answered(question);
      expect(await sent(shard)).toBe(2);
      shard.readInto?.([question]);
      expect(told).toHaveLength(1);
      for (let end = ends.shift(); end; end = ends.shift()) {
        end[0](true);
        await settle();
      }
      expect([told, asked]).toEqual([[undefined, undefined], []]);
      expect(await sent(shard)).toBe(2);
    });

    it('counts it once where the shard is left alone, which is no failure of its own', async () => {
      const clock = new FakeClock();
      const breaker = { failures: 1 };
      const [shard] = guarded(storeWith({ readInto, readOrStub, touch }), { maxPending: 2, breaker, clock }).shards;
      const told: unknown[] = [];
      const question = new Question((outcome) => told.push(outcome));
      shard.readInto?.([question]);
      answered(question);
      const failing = shard.touch('k', 1);
      ends.pop()?.[1](new Error('away'));
      await expect(failing).rejects.toThrow('it failed');
      const faults = recordEvents('fault');
      await clock.advance(999);
      shard.readInto?.([question]);
      await settle();
      expect([told.map(String), asked]).toEqual([['undefined', expect.stringContaining('left alone')], []]);
      faults.stop();
      expect(faults.of('fault')).toEqual([]);
      await clock.advance(1);
      const probe = shard.touch('k', 1);
      ends.pop()?.[0](true);
      expect(await probe).toBe(true);
      expect(await sent(shard)).toBe(2);
    });
  });

  it('tells nothing without waiting while the shard is left alone, or where that throws', async () => {
    let isWell = true;
    const readNow = (): unknown => {
      if (!isWell) throw new Error('not now');
      return { bytes: Buffer.from('v'), start: 0, end: 1 };
    };
    const touch = (): Promise<never> => Promise.reject(new Error('away'));
    const shard = guarded(storeWith({ readNow, touch }), { breaker: { failures: 1 } }).shards[0];
    expect(shard.readNow?.('k')).toBeDefined();
    isWell = false;
    expect(shard.readNow?.('k')).toBeUndefined();
    isWell = true;
    await shard.touch('k', 1).catch(() => {});
    expect(shard.readNow?.('k')).toBeUndefined();
  });

  it('waits 250 ms for an answer of a store that keeps no deadlines, and for ever for one that does', async () => {
    const clock = new FakeClock();
    const of = (keepsDeadlines: boolean): Shard =>
      guarded(storeWith({ touch: never }, { keepsDeadlines }), { clock }).shards[0];
    const told: string[] = [];
    of(true)
      .touch('k', 1)
      .catch(() => told.push('the patient one'));
    of(false)
      .touch('k', 1)
      .catch((error: unknown) => told.push(String(error)));
    await clock.advance(249);
    expect(told).toEqual([]);
    await clock.advance(1);
    expect(told).toEqual([expect.stringContaining('no answer within 250 ms')]);
    await clock.advance('1h');
    expect(told).toHaveLength(1);
  });

  it('waits for its turn as long as one answer of its store may take, and 250 ms at least', async () => {
    const clock = new FakeClock();
    const told: string[] = [];
    const waitBehind = (name: string, deadlineMs: number): void => {
      const store = storeWith({ touch: never }, { keepsDeadlines: true, deadlineMs });
      const shard = guarded(store, { clock, maxPending: 1 }).shards[0];
      for (let index = 0; index < 2; index++)
        void shard.touch('k', 1).catch((error: unknown) => told.push(`${name} ${String(error)}`));
    };
    waitBehind('quick', 20);
    waitBehind('slow', 2_000);
    await clock.advance(225);
    expect(told).toEqual([]);
    await clock.advance(50);
    expect(told).toEqual([expect.stringMatching(/^quick .*no answer to anybody within 250 ms/)]);
    await clock.advance(1_700);
    expect(told).toHaveLength(1);
    await clock.advance(300);
    expect(told[1]).toMatch(/^slow .*no answer to anybody within 2000 ms/);
  });

  it.each<[string, Store]>([
    ['memcached', memcachedStore({ servers: '127.0.0.1:1', commandTimeout: '2s' })],
    ['memcached whose servers are asked for', memcachedStore({ servers: 'dns://localhost:1', commandTimeout: '2s' })],
    ['Redis', redisStore({ url: 'redis://127.0.0.1:1', commandTimeout: '2s' })],
  ])('is told by %s how long that is: its commandTimeout', (_, { capabilities }) => {
    expect(capabilities.deadlineMs).toBe(2_000);
  });

  it('gives a store that keeps no deadlines as long for an answer as that says', async () => {
    const clock = new FakeClock();
    const store = storeWith({ touch: never }, { keepsDeadlines: false, deadlineMs: 2_000 });
    const told: string[] = [];
    void guarded(store, { clock })
      .shards[0].touch('k', 1)
      .catch((error: unknown) => told.push(String(error)));
    await clock.advance(1_999);
    expect(told).toEqual([]);
    await clock.advance(1);
    expect(told).toEqual([expect.stringContaining('no answer within 2000 ms')]);
  });

  it('takes an answer that came while the process was blocked for longer than that', async () => {
    const touch = (): Promise<boolean> => stat('.').then(() => true);
    const shard = guarded(storeWith({ touch }, { keepsDeadlines: false }), { breaker: { failures: 1 } }).shards[0];
    const asked = shard.touch('k', 1);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 400);
    expect(await asked).toBe(true);
    expect(await shard.touch('k', 1)).toBe(true);
  });
});
