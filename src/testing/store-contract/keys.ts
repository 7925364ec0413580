import assert from 'node:assert/strict';
import { InvalidKeyError } from '../../value/errors.js';
import type { Shard } from '../../store/store.js';
import type { TestRunner } from '../codec-contract.js';
import { bytesOf, forever, onBench } from './subject.js';
import type { StoreContractOptions } from './subject.js';

/** Keys: what is taken, and what never reaches a wire. */
export function keyRules({ describe, it }: TestRunner, options: StoreContractOptions): void {
  describe('keys', () => {
    it(
      'may be 250 bytes of any printable ASCII, and are told apart to the last byte',
      onBench(options, async ({ store, key, read }) => {
        const printable = Array.from({ length: 94 }, (_, index) => String.fromCharCode(0x21 + index)).join('');
        const long = `${key('')}${printable}`.padEnd(249, 'k');
        const keys = [`${long}a`, `${long}b`, long, key('A'), key('a')];
        for (const each of keys) await store.shardOf(each).write(each, bytesOf(each), forever);
        for (const each of keys) assert.equal((await read(each))?.bytes.toString(), each);
      }),
    );

    it(
      'that a wire could misread are refused by every operation, and do nothing',
      onBench(options, async ({ store, key, read }) => {
        const victim = key('victim');
        const refused = [
          '',
          'k'.repeat(251),
          'two words',
          `a ${victim}`,
          `a\r\nset ${victim} 0 0 1\r\nx`,
          `a\nms ${victim} 1\r\nx`,
          'a\rb',
          'a\0b',
          'a\tb',
          'a\x7fb',
          'schlüssel',
          '鍵',
          '😀',
          '\ud800',
        ];
        for (const bad of refused) {
          for (const [name, run] of operations(bad)) {
            await assert.rejects(
              async () => run(store.shards[0], key('good')),
              InvalidKeyError,
              `${name} took ${JSON.stringify(bad.slice(0, 40))}`,
            );
          }
        }
        assert.equal(await read(victim), undefined);
        assert.equal(await read(key('good')), undefined);
        await store.shardOf(victim).write(victim, bytesOf('fine'), forever);
        assert.equal((await read(victim))?.bytes.toString(), 'fine');
      }),
    );
  });
}

type Operation = (shard: Shard, good: string) => Promise<unknown>;

function operations(bad: string): [string, Operation][] {
  return [
    ['readMany', (shard, good) => shard.readMany([good, bad])],
    ['readOrStub', (shard, good) => shard.readOrStub([good, bad], 60_000)],
    ['write', (shard) => shard.write(bad, bytesOf('x'), forever)],
    ['write, absent', (shard) => shard.write(bad, bytesOf('x'), { ...forever, only: 'absent' })],
    ['remove', (shard) => shard.remove(bad)],
    ['increment', (shard) => shard.increment(bad, 1, 1)],
    ['touch', (shard) => shard.touch(bad, 60_000)],
  ];
}
