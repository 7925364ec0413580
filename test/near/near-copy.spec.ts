import { inspect } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from '@jest/globals';
import { json } from '../../src/codec/json.js';
import type { EnvelopeHead } from '../../src/codec/envelope.js';
import { ShardTrust } from '../../src/coherence/trust.js';
import { NearCopy } from '../../src/near/near-copy.js';

const now = 1_800_000_000_000;
const year = 365 * 24 * 3_600_000;
const serving = { codec: json(), isolation: 'freeze', version: undefined } as const;
const trust = new ShardTrust(Infinity);

const headOf = (createdAt: number, freshUntil: number, more: Partial<EnvelopeHead> = {}): EnvelopeHead => ({
  codec: 'json',
  createdAt,
  freshUntil,
  staleUntil: freshUntil,
  loadCostMs: 12,
  generation: 3,
  tags: [],
  ...more,
});

const copyOf = (head: EnvelopeHead, servedUntil?: number, by = trust): NearCopy =>
  new NearCopy(head, undefined, serving, by, 100, 'value', 0, servedUntil);

type Told = Omit<EnvelopeHead, 'codec' | 'generation'>;

const told = ({ createdAt, freshUntil, staleUntil, loadCostMs, version, tags, storeOnly = false }: Told): Told => ({
  createdAt,
  freshUntil,
  staleUntil,
  loadCostMs,
  version,
  tags,
  storeOnly,
});

describe('A near copy', () => {
  const heads = {
    'of an hour': headOf(now, now + 3_600_000),
    'with a stale life': headOf(now, now + 3_600_000, { staleUntil: now + 7_200_000 }),
    'of a year': headOf(now - year, now),
    'made a year later': headOf(now + year, now + year + 1_000),
    'of no life': headOf(now, now),
    'without an end': headOf(now, Infinity, { staleUntil: Infinity }),
    'without an end, made later': headOf(now + 5_000, Infinity, { staleUntil: Infinity }),
    'that is stale without an end': headOf(now, now + 1_000, { staleUntil: Infinity }),
    'of a version': headOf(now + 1, now + 2, { version: 'v2' }),
    'that no process keeps': headOf(now + 1, now + 2, { storeOnly: true }),
    'with tags': headOf(now + 1, now + 2, { tags: [{ tag: 'a', fresh: 1, stale: 1 }] as never }),
  };

  it('keeps what its entry says, whatever its neighbours are', () => {
    for (const turns of [1, 2]) {
      const copies = Object.values(heads).map((head) => [head, copyOf(head)] as const);
      for (const [head, copy] of copies) expect({ turns, ...told(copy) }).toEqual({ turns, ...told(head) });
    }
  });

  it('has no more than its kind in common with a copy that is refreshed early, or kept for less', () => {
    const head = headOf(now, now + 10_000);
    const [plain, early, short, failed] = [1, 2, 3, 4].map(() => copyOf(head)) as [
      NearCopy,
      NearCopy,
      NearCopy,
      NearCopy,
    ];
    expect(copyOf(head, now + 7_000).servedUntil).toBe(now + 7_000);
    short.nearUntil = now + 4_000;
    failed.refreshNotBefore = now + 1_000;
    early.nearUntil = now + 60_000;
    const facts = (copy: NearCopy): unknown[] => [
      copy.servedUntil,
      copy.nearUntil,
      copy.refreshNotBefore,
      copy.freshUntil,
      copy.trust === trust,
    ];
    const end = now + 10_000;
    expect([plain, early, short, failed].map(facts)).toEqual([
      [end, Infinity, 0, end, true],
      [end, now + 60_000, 0, end, true],
      [now + 4_000, now + 4_000, 0, end, true],
      [end, Infinity, now + 1_000, end, true],
    ]);
  });

  it('shares its kind with those of its class and shard, also where classes and shards come by turns', () => {
    const trusts = [trust, new ShardTrust(Infinity)];
    const copies = [0, 1, 2, 3].map((index) =>
      copyOf(headOf(now + index, now + 5_000 * index), undefined, trusts[index % 2]),
    );
    const kinds = copies.map((copy) => (copy as unknown as { kind: object }).kind);
    expect(kinds[0]).toBe(kinds[2]);
    expect(kinds[1]).toBe(kinds[3]);
    expect(kinds[0]).not.toBe(kinds[1]);
  });

  it('takes 96 bytes: none of its numbers is kept outside of it, in 16 bytes more', () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const count = 100_000;
    const copies = new Array<NearCopy>(count);
    const heads = Array.from({ length: count }, (_, index) => headOf(now + index, now + 3_600_000 + 2 * index));
    collect();
    const before = process.memoryUsage().heapUsed;
    for (const [index, head] of heads.entries()) copies[index] = copyOf(head);
    collect();
    expect((process.memoryUsage().heapUsed - before) / count).toBeLessThan(104);
    expect(copies.at(-1)?.freshUntil).toBe(heads.at(-1)?.freshUntil);
  });

  it('is printed without its value', () => {
    expect(inspect(copyOf(headOf(0, 5)))).toBe('NearCopy { fresh until 5 }');
    expect(JSON.stringify(copyOf(headOf(0, 5)))).toBe('{"value":"[masked]","freshUntil":5}');
  });
});
