import { afterEach, describe, expect, it } from '@jest/globals';
import { ScriptedFleet } from '../support/simulation/scripted-fleet.js';

describe('a release that is listed while a removal is under way', () => {
  const fleet = new ScriptedFleet();
  afterEach(() => fleet.close());

  it('T2 is reached, also where the remover has read the list before its answer comes', async () => {
    const a = await fleet.process('A', { packageVersion: '1.4' });
    const deleted = a.cache.delete('k');
    await fleet.later(0);
    const b = await fleet.process('B', { packageVersion: '1.5' }, {}, /^B/);
    const loaded = b.cache.getOrSet('k', () => fleet.network.pause('B loads').then(() => 'old'), { ttl: '1h' });
    await fleet.deliverAll(/^B [-<]/);
    await fleet.later(1_000);
    await fleet.deliverAll(/^A .* the feed/);
    expect(await fleet.done(deleted, /^A/)).toBe(true);
    expect(await fleet.done(loaded)).toBe('old');
    await fleet.later(1_300);
    expect(await fleet.done(b.cache.get('k'))).toBeUndefined();
  });
});
