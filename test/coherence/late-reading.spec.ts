import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import { ScriptedFleet } from '../support/simulation/scripted-fleet.js';

const hour = { ttl: '1h' } as const;

type Ask = (cache: TieredCache) => Promise<unknown>;
const asks: [string, Ask][] = [
  ['getOrSet', (cache) => cache.getOrSet('k', () => 'new', hour)],
  ['getOrSetMany', (cache) => cache.getOrSetMany(['k'], () => [['k', 'new']], hour).then(([found]) => found)],
  ['get', (cache) => cache.get('k')],
  ['update', (cache) => cache.update('k', (old) => (old === undefined ? 'new' : 'built on old'), hour)],
];

describe('entries of the store, while a reading of the feed takes longer than its interval', () => {
  let fleet: ScriptedFleet;
  beforeEach(() => {
    fleet = new ScriptedFleet();
  });
  afterEach(() => fleet.close());

  it.each(asks)('are not served to %s when all was cleared meanwhile', async (_, ask) => {
    const [a, b] = [await fleet.process('A'), await fleet.process('B', { process: false })];
    await fleet.done(a.cache.getOrSet('k', () => 'old', hour));
    expect(await fleet.done(b.cache.get('k'))).toBe('old');
    await fleet.later(1_000);
    await fleet.deliver(/^B -> read the feed/);
    await fleet.done(a.cache.dangerouslyClear(), /^A/);
    await fleet.later(1_300);
    expect(String(await fleet.done(ask(b.cache)))).not.toMatch(/old/);
  });

  it('are served without another command as long as it was read within the bound', async () => {
    const [a, b] = [await fleet.process('A'), await fleet.process('B', { process: false })];
    await fleet.done(a.cache.getOrSet('k', () => 'old', hour));
    await fleet.later(1_200);
    expect(
      await fleet.done(
        b.cache.getOrSet('k', () => 'never', hour),
        /^B .. read or stub/,
      ),
    ).toBe('old');
  });
});

describe('a store whose feed can not be read any more', () => {
  const fleet = new ScriptedFleet();
  afterEach(() => fleet.close());

  it('is read no more once nobody may believe it: look-ups go to their source', async () => {
    const b = await fleet.process('B', { process: false });
    await fleet.done(b.cache.getOrSet('k', () => 'old', hour));
    await fleet.later(1_300);
    fleet.network.lose((steps) => steps.find(({ what }) => /^B -> read the feed/.test(what)));
    expect(await fleet.done(b.cache.getOrSet('k', () => 'of the source', hour))).toBe('of the source');
  });
});
