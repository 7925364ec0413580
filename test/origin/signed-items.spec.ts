import { beforeEach, describe, expect, it } from '@jest/globals';
import { Integrity } from '../../src/codec/integrity.js';
import { authenticated } from '../../src/origin/authenticated-store.js';
import { answerByBatch } from '../../src/store/answer-by-batch.js';
import { ItemAsk } from '../../src/store/item-ask.js';
import type { ItemAnswer } from '../../src/store/item-ask.js';
import { memoryStore } from '../../src/store/memory-store.js';
import type { Shard, Store } from '../../src/store/store.js';
import { recordEvents } from '../support/recorded-events.js';

const integrity = Integrity.of({ keys: [{ id: 'k1', secret: Buffer.alloc(32, 1) }] });
const forever = { lifeMs: Infinity } as const;

let inner: Shard;
let shard: Shard;

function signed(below: Shard): Shard {
  const inMemory = memoryStore();
  const store: Store = { ...inMemory, capabilities: inMemory.capabilities, shards: [below], shardOf: () => below };
  return authenticated(store, integrity).shards[0];
}

beforeEach(() => {
  inner = memoryStore().shards[0];
  shard = signed(inner);
});

describe('An item of a signed store', () => {
  it('that nobody has signed is reported, and reads as bytes that no format begins with', async () => {
    const faults = recordEvents('fault');
    await inner.write('forged', Buffer.from('{"forged":true}'), forever);
    await shard.write('genuine', Buffer.from('1'), forever);
    const [genuine, forged] = await shard.readMany(['genuine', 'forged']);
    const [asked] = await shard.readOrStub(['forged'], 1_000);
    faults.stop();
    expect([genuine?.bytes.toString(), forged?.bytes[0], asked?.bytes[0]]).toEqual(['1', 0, 0]);
    const fault = expect.objectContaining({ kind: 'unauthentic', key: 'forged' }) as unknown;
    expect(faults.all).toEqual([fault, fault]);
  });

  it('that is too large is refused with what it may have, the signature not counted', async () => {
    shard = signed(memoryStore({ maxItemBytes: 1_000 }).shards[0]);
    const outcome = await shard.write('k', Buffer.alloc(1_000), forever);
    expect(outcome).toEqual({ status: 'too-large', maxBytes: expect.any(Number) as unknown });
    const { maxBytes } = outcome as { maxBytes: number };
    expect((await shard.write('k', Buffer.alloc(maxBytes), forever)).status).toBe('stored');
    expect((await shard.write('k', Buffer.alloc(maxBytes + 1), forever)).status).toBe('too-large');
  });

  it('of one byte is verified as any other', async () => {
    await inner.write('forged', Buffer.from('x'), forever);
    expect((await shard.readMany(['forged']))[0]?.bytes).toEqual(Buffer.of(0));
  });

  it('is verified where the shard below answers no questions', async () => {
    shard = signed(Object.assign(Object.create(inner) as Shard, { readInto: undefined }));
    await inner.write('forged', Buffer.from('x'), forever);
    await shard.write('genuine', Buffer.from('value'), forever);
    expect([await answerTo('forged'), await answerTo('genuine')]).toEqual(['\0', 'value']);
  });

  it('is verified where it lies as well; stubs and counters are passed on as they are', async () => {
    shard = signed(Object.assign(Object.create(inner) as Shard, { readInto: asBatch(inner) }));
    await inner.write('counter', Buffer.from('1'.repeat(15)), forever);
    await inner.write('padded', Buffer.from('7'.padEnd(24)), forever);
    await inner.write('too-long', Buffer.from('7'.padEnd(25)), forever);
    await inner.write('forged', Buffer.from('x'), forever);
    await shard.write('genuine', Buffer.from('value'), forever);
    const answers: string[] = [];
    for (const storeKey of ['stub', 'counter', 'padded', 'too-long', 'forged', 'genuine']) {
      answers.push(await answerTo(storeKey));
    }
    expect(answers).toEqual(['', '1'.repeat(15), '7'.padEnd(24), '\0', '\0', 'value']);
  });
});

/** As the shard answers into a question; it always goes ahead. */
function answerTo(storeKey: string): Promise<string> {
  return new Promise((resolve, reject) => {
    if (shard.readInto?.([new Answer(storeKey, resolve)]) !== true) reject(new Error('it did not go ahead'));
  });
}

const asBatch = (below: Shard) => (questions: readonly ItemAsk[]) => {
  answerByBatch(below, questions);
  return true;
};

class Answer extends ItemAsk {
  constructor(
    storeKey: string,
    private readonly answered: (text: string) => void,
  ) {
    super(storeKey, 1_000);
  }

  protected override take({ bytes, start, end }: ItemAnswer): void {
    this.answered(end > bytes.length ? 'beyond its bytes' : bytes.subarray(start, end).toString('latin1'));
  }

  protected override fail(error: unknown): void {
    this.answered(String(error));
  }
}
