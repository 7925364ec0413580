import { defineKey } from 'nestjs-tiered-cache';
import { counted, timed, untilSteadyMs, verify } from '../harness.js';
import type { Benchmark } from '../harness.js';
import { openCache, ours } from '../support/subjects.js';

const fullCount = 500_000;

export const benchmark: Benchmark = {
  name: 'keys',
  unit: 'ns/op',
  title: 'A typed key',
  work: 'building and encoding a typed key with two parameters',
  meaning: 'What a key class costs beside a key put together by hand: nothing that a look-up would notice.',
  aims: [{ of: '', atMost: 1.5 }],
  limit: 'template string that checks nothing',
  remark:
    'Both check each parameter: an empty one, or one with a space, a colon or a line break, must not become another key, or a command.',
  rounds: 9,
  warmUpMs: untilSteadyMs,
  async prepare(smoke) {
    const count = counted(fullCount, smoke);
    const cache = await openCache();
    const metadata = defineKey('content_metadata:{customerUuid}:{contentKey}', { holds: 'metadata' });
    const customers = Array.from({ length: 1_000 }, (_, index) => `8f1a4c1e-${index}`);
    verify(
      cache.storeKey(metadata({ customerUuid: 'c', contentKey: 'k' })) === 'bench:1.0.0::content_metadata:c:k',
      'the key',
    );
    const loop = (build: (customerUuid: string) => string): Promise<number> => {
      let length = 0;
      return timed(count, () => {
        for (let index = 0; index < count; index++) length += build(customers[index % 1_000] as string).length;
        verify(length > count, 'the lengths');
      });
    };
    /** What may stand in a key as it is. */
    const plain = /^(?![#!])[\x21-\x24\x26-\x39\x3b-\x7d]+$/;
    const checked = (value: string): string => {
      if (!plain.test(value)) throw new Error('a parameter that is no part of a key');
      return value;
    };
    const subjects = [
      {
        name: 'template string that checks',
        round: () => loop((uuid) => `bench:1.0.0::content_metadata:${checked(uuid)}:${checked('edX+DemoX')}`),
      },
      {
        name: 'template string that checks nothing',
        round: () => loop((uuid) => `bench:1.0.0::content_metadata:${uuid}:${'edX+DemoX'}`),
      },
      {
        name: ours,
        round: () => loop((uuid) => cache.storeKey(metadata({ customerUuid: uuid, contentKey: 'edX+DemoX' }))),
      },
    ];
    return {
      comparisons: [{ variant: '', baseline: 'template string that checks', subjects }],
      close: () => cache.close(),
    };
  },
};
