import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { ItemAsk } from '../../../src/store/item-ask.js';
import type { ItemAnswer } from '../../../src/store/item-ask.js';
import { answerByBatch } from '../../../src/store/answer-by-batch.js';
import { AskedItems } from '../../../src/store/redis/asked-items.js';
import type { RedisDriver, RedisReply } from '../../../src/store/redis/driver/redis-driver.js';
import { RedisCommands } from '../../../src/store/redis/redis-commands.js';
import { redisStoreWith } from '../../../src/store/redis/redis-store.js';
import { RedisWakes } from '../../../src/store/redis/redis-wakes.js';
import type { Shard, Store } from '../../../src/store/store.js';
import { systemClock } from '../../../src/value/clock.js';
import { StoreUnavailableError } from '../../../src/value/errors.js';
import { startRedis } from '../../support/redis-process.js';
import type { RedisProcess } from '../../support/redis-process.js';
import { testedDriver } from './drivers.js';
import { openAccess } from './open-access.js';
import { patience } from '../../support/patience.js';

/** What became of one question. */
type Answer = { readonly text: string; readonly won: boolean; readonly revision: string } | { readonly error: unknown };

class Question extends ItemAsk {
  readonly answered: Promise<Answer>;
  private settle!: (answer: Answer) => void;

  constructor(storeKey: string) {
    super(storeKey, 60_000);
    this.answered = new Promise((resolve) => (this.settle = resolve));
  }

  protected override take({ bytes, start, end, session, revision, won }: ItemAnswer): void {
    this.settle({ text: bytes.toString('latin1', start, end), won, revision: `${session}/${revision}` });
  }

  protected override fail(error: unknown): void {
    this.settle({ error });
  }
}

let server: RedisProcess;
beforeAll(async () => void (server = await startRedis()));
afterAll(() => server.stop());
beforeEach(() => server.command('FLUSHALL'));

const endings: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

async function shardThrough(driver: RedisDriver, commandTimeout = 5_000): Promise<Shard> {
  const options = { url: server.url, commandTimeout, connectTimeout: 5_000 };
  const store: Store = redisStoreWith(options, { driver: () => Promise.resolve(driver) });
  await store.open();
  endings.push(() => store.close());
  const [shard] = store.shards;
  // Its server is met.
  await shard.readMany(['k']);
  return shard;
}

/** All in one turn. */
function ask(shard: Shard, keys: readonly string[]): Promise<Answer[]> {
  const questions = keys.map((key) => new Question(key));
  expect(shard.readInto?.(questions)).toBe(true);
  return Promise.all(questions.map(({ answered }) => answered));
}

const callsOf = async (command: string): Promise<number> =>
  Number(/^calls=(\d+)/.exec((await server.info('commandstats'))[`cmdstat_${command}`] ?? '')?.[1] ?? 0);

describe.each(['built-in', 'ioredis 6'] as const)('Questions of one turn, through %s', (name) => {
  it('leave as one MGET, and each is answered by its own item', async () => {
    const shard = await shardThrough(await testedDriver(name));
    const keys = Array.from({ length: 64 }, (_, index) => `k${index}`);
    await Promise.all(keys.map((key) => shard.write(key, Buffer.from(`value of ${key}`), { lifeMs: 60_000 })));
    await server.command('CONFIG', 'RESETSTAT');
    const answers = await ask(shard, keys);
    expect(answers).toEqual(keys.map((key) => expect.objectContaining({ text: `value of ${key}`, won: false })));
    expect(await callsOf('mget')).toBe(1);
  });

  it('name the revision that stands there', async () => {
    const shard = await shardThrough(await testedDriver(name));
    await shard.write('k', Buffer.from('v'), { lifeMs: 60_000 });
    await shard.increment('count', 1, 41);
    const [k, count] = await shard.readMany(['k', 'count']);
    const revisions = [k, count].map((item) => `${item?.revision.session}/${item?.revision.number}`);
    expect(await ask(shard, ['k', 'count'])).toEqual([
      { text: 'v', won: false, revision: revisions[0] },
      { text: '41', won: false, revision: revisions[1] },
    ]);
  });

  it('find what somebody else has written, and are answered all the same', async () => {
    const shard = await shardThrough(await testedDriver(name));
    for (const key of ['a', 'b', 'c']) await shard.write(key, Buffer.from(key), { lifeMs: 60_000 });
    await server.command('SET', 'b', 'by somebody else');
    await shard.increment('count', 1, 41);
    const answers = await ask(shard, ['a', 'b', 'count', 'c']);
    const [foreign] = await shard.readMany(['b']);
    const text = foreign?.bytes.toString('latin1');
    expect(answers).toEqual(['a', text, '41', 'c'].map((each) => expect.objectContaining({ text: each, won: false })));
    expect(text).not.toBe('by somebody else');
  });

  it('win a stub where nothing is, one of all that ask', async () => {
    const shard = await shardThrough(await testedDriver(name));
    const answers = await ask(shard, ['absent', 'absent', 'absent']);
    expect(answers.map((answer) => 'won' in answer && answer.won).sort()).toEqual([false, false, true]);
    expect(new Set(answers.map((answer) => 'revision' in answer && answer.revision)).size).toBe(1);
  });
});

/** A client that hands replies of MGET on as `confuse` has them. */
async function confused(confuse: (values: readonly RedisReply[]) => RedisReply): Promise<RedisDriver> {
  const driver = await testedDriver('built-in');
  return {
    name: driver.name,
    connect: async (options) => {
      const link = await driver.connect(options);
      return {
        send: (args, answer) =>
          link.send(args, (error, reply) => {
            const isConfused = args[0] === 'MGET' && args.length > 2;
            answer(error, isConfused ? confuse(reply as readonly RedisReply[]) : reply);
          }),
        subscribe: (...given) => link.subscribe(...given),
        unsubscribe: (...given) => link.unsubscribe(...given),
        bytesRead: () => link.bytesRead(),
        ref: () => link.ref(),
        unref: () => link.unref(),
        reset: () => link.reset(),
      };
    },
  };
}

describe('Questions whose replies belong to others', () => {
  it.each([
    ['in another order', (values: readonly RedisReply[]): RedisReply => [...values].reverse()],
    ['too few', (values: readonly RedisReply[]): RedisReply => values.slice(1)],
    ['of another kind', (): RedisReply => 'OK'],
  ])('are refused, and the connection ends: %s', async (_, confuse) => {
    const shard = await shardThrough(await confused(confuse));
    for (const key of ['a', 'b']) await shard.write(key, Buffer.from(key), { lifeMs: 60_000 });
    const before = Number((await server.info('stats'))['total_connections_received']);
    for (const answer of await ask(shard, ['a', 'b'])) {
      expect(answer).toEqual({ error: expect.any(StoreUnavailableError) });
    }
    expect(shard.readInto?.([new Question('a')])).toBe(false);
    expect((await shard.readMany(['a']))[0]?.bytes.toString()).toBe('a');
    expect(Number((await server.info('stats'))['total_connections_received'])).toBe(before + 1);
  });
});

it('Questions are refused within the deadline where the server answers nothing, all of them', async () => {
  const shard = await shardThrough(await testedDriver('built-in'), 100);
  process.kill(server.pid, 'SIGSTOP');
  endings.push(() => process.kill(server.pid, 'SIGCONT'));
  const unavailable = { error: expect.any(StoreUnavailableError) };
  expect(await ask(shard, ['a', 'b', 'c'])).toEqual([unavailable, unavailable, unavailable]);
});

it('A question whose session ended before its answer came is asked again', async () => {
  const access = await openAccess('built-in', { url: server.url, ...patience });
  const wakes = new RedisWakes(access, systemClock, {});
  access.open();
  endings.push(() => access.close());
  const commands = new RedisCommands({
    name: 'redis',
    access,
    wakes,
    prefix: '',
    maxItemBytes: 1_000,
    asksRole: true,
    isWhole: true,
    afterFailover: 'distrust',
    deadlineMs: 5_000,
    clock: systemClock,
    checksIncarnation: true,
  });
  await commands.connected();
  const again: string[] = [];
  const found = { bytes: Buffer.from('new'), revision: { session: 1, number: 1n }, won: false };
  const readOrStub = (keys: readonly string[]): Promise<(typeof found)[]> => (
    again.push(...keys),
    Promise.resolve([found])
  );
  const asked = new AskedItems(commands, {
    ask: (question) => answerByBatch({ readOrStub }, [question]),
    stub: (question) => question.refuse(new Error('it was absent')),
    foreign: () => Promise.reject(new Error('it was foreign')),
  });
  const question = new Question('k');
  asked.take([question]);
  commands.session.number++;
  expect(await question.answered).toEqual({ text: 'new', won: false, revision: '1/1' });
  expect(again).toEqual(['k']);
});
