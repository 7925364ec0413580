import { describe, expect, it } from '@jest/globals';
import { seededRandom } from '../support/seeded-random.js';
import { tell } from './list-model/search-list.js';
import type { Story } from './list-model/search-list.js';

const endurance = process.env['ENDURANCE'] === '1';
const all = { confirms: true, closesOld: true, waits: true, looksTwice: true };
const base = { processes: 3, versioned: true, losses: 0, steps: 3_000, ...all };
const stories: Record<string, Story> = {
  'one server more': {
    ...base,
    lists: [
      ['a', 'b'],
      ['a', 'b', 'c'],
    ],
  },
  'other servers, and back again': { ...base, lists: [['a', 'b'], ['c'], ['a', 'b']], steps: 6_000 },
  'one of one is replaced': { ...base, lists: [['a'], ['b']] },
  'servers that restart': {
    ...base,
    lists: [
      ['a', 'b', 'c'],
      ['b', 'c', 'd'],
      ['a', 'd'],
    ],
    losses: 5,
    steps: 6_000,
  },
  'servers that restart all the time': {
    ...base,
    lists: [['a', 'b'], ['c'], ['a', 'b'], ['c'], ['a', 'b'], ['c']],
    losses: 90,
    steps: 6_000,
  },
  'one server that restarts': { ...base, lists: [['a'], ['b']], losses: 4, steps: 6_000 },
  'a dead server is replaced': {
    ...base,
    lists: [
      ['a', 'b'],
      ['b', 'c'],
    ],
    dies: 'a',
    steps: 6_000,
  },
  'the only server is dead': { ...base, lists: [['a'], ['b']], dies: 'a', steps: 6_000 },
  'addresses of a name': { ...base, lists: [['a', 'b'], ['b', 'c'], ['a']], versioned: false, losses: 2, steps: 9_000 },
};

function firstBroken(story: Story, seeds: number): string | undefined {
  for (let seed = 1; seed <= seeds; seed++) {
    const { broken } = tell(story, seededRandom(seed));
    if (broken !== undefined) return `seed ${seed}, ${broken}`;
  }
  return undefined;
}

describe('the steps by which a list of servers changes, under every order of the commands of three processes', () => {
  const seeds = endurance ? 3_000 : 12;

  it.each(Object.entries(stories))('let no reader see what an acknowledged invalidation took: %s', (_, story) => {
    expect(firstBroken(story, seeds)).toBeUndefined();
  });

  it.each(Object.entries(stories))('come to an end, and work is done before and after: %s', (_, story) => {
    const told = Array.from({ length: 4 }, (__, seed) => tell(story, seededRandom(1_000 + seed)));
    for (const { changes, answered } of told) {
      expect(changes).toBeGreaterThanOrEqual(story.losses > 9 ? 1 : story.lists.length);
      expect(answered).toBeGreaterThan(200);
    }
  });

  const restless = {
    ...base,
    lists: [
      ['a', 'b'],
      ['c', 'd'],
      ['a', 'b'],
      ['c', 'd'],
    ],
    steps: 4_000,
  };
  it.each<[string, Partial<Story>]>([
    ['nobody asks what list a server stands at', { confirms: false }],
    ['the old list is left open', { closesOld: false }],
    ['a process that finds no mark begins at once', { waits: false }],
    ['servers are not looked at again after all were told', { looksTwice: false, losses: 60 }],
  ])('go wrong where %s', (_, off) => {
    expect(firstBroken({ ...restless, ...off }, 400)).toBeDefined();
  });
});
