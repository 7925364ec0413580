import { expect, it } from '@jest/globals';
import { standingOf } from '../../src/coherence/tag-generations.js';
import { memoryStore } from '../../src/store/memory-store.js';
import { maxKeyBytes } from '../../src/key/key-space.js';
import { buildCache } from '../support/build-cache.js';
import { FaultyStore } from '../support/faulty-store.js';

it('A tag stands at the generation that an entry recorded, and at no other', () => {
  expect([standingOf(7, 7), standingOf(7, undefined), standingOf(7, 6)]).toEqual([
    'stands',
    'invalidated',
    'invalidated',
  ]);
});

it('The counter of a tag has its name as long as a store takes that, and else a digest: all processes must agree on it', async () => {
  const namespace = 'n'.repeat(50);
  const faulty = new FaultyStore(memoryStore());
  const cache = await buildCache({ store: faulty.store, namespace });
  const head = `${namespace}~tag:`;
  const longest = 't'.repeat(maxKeyBytes - head.length);
  await cache.lookup('anything');
  faulty.commands.splice(0);
  for (const tag of [longest, `${longest}t`]) await cache.invalidateTags(tag);
  await cache.close();
  const keys = faulty.commands
    .filter((command) => command.startsWith('invalidate'))
    .map((command) => command.split(' ')[1]);
  expect(keys).toEqual([head + longest, expect.stringMatching(/^n{50}~tag:~[\w-]{43}$/)]);
});
