import { afterEach, describe, expect, it } from '@jest/globals';
import { ScriptedFleet } from '../support/simulation/scripted-fleet.js';

const life = { ttl: '1h' } as const;

describe('a value on whose way to the store everything is cleared', () => {
  const fleet = new ScriptedFleet();
  afterEach(() => fleet.close());

  /** 1. A knows the list of versions, and sends its value under it; 2. B clears; 3. the value arrives. */
  async function overtaken<R>(write: 'set' | 'update' | 'setIfAbsent'): Promise<{ given: R; found: unknown }> {
    const [a, b] = [await fleet.process('A'), await fleet.process('B')];
    await fleet.done(a.cache.set('k', 'before', life));
    if (write === 'setIfAbsent') await fleet.done(a.cache.delete('k'));
    const value = { set: 'new', update: () => 'new', setIfAbsent: 'new' }[write];
    const written = (a.cache[write] as (...args: unknown[]) => Promise<R>)('k', value, life);
    await fleet.deliverAll(/^A (?!.*invalidate)/);
    await fleet.done(b.cache.dangerouslyClear(), /^B/);
    // What depends on what was there is decided once more, after a pause.
    await fleet.deliverAll();
    await fleet.later(100);
    const given = await fleet.done(written);
    return { given, found: await fleet.done(b.cache.get('k')) };
  }

  it.each(['set', 'update', 'setIfAbsent'] as const)('is there afterwards, as %s has said', async (write) => {
    const { given, found } = await overtaken(write);
    expect(given).toBe(write === 'set' ? true : 'new');
    expect(found).toBe('new');
  });
});
