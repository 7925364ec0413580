import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { SeenSections } from '../../src/http/seen-sections.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { channels } from '../../src/value/events.js';

describe('SeenSections', () => {
  let clock: FakeClock;
  let seen: SeenSections;
  beforeEach(() => {
    clock = new FakeClock();
    seen = new SeenSections(clock);
  });
  afterEach(() => seen.stop());

  const section = async (resource: string, durationMs: number): Promise<void> => {
    channels.lockAcquired.publish({ resource, waitedMs: 0 });
    await clock.advance(durationMs);
    channels.lockReleased.publish({ resource, outcome: 'released' });
  };

  it('knows the longest of the last eight of a kind, and nothing of other kinds', async () => {
    expect(seen.longestOf('policy:a')).toBeUndefined();
    await section('policy:a', 9_000);
    for (let turn = 0; turn < 7; turn++) await section('policy:b', 100 + turn);
    expect(seen.longestOf('policy:c')).toBe(9_000);
    await section('policy:b', 50);
    expect(seen.longestOf('policy:c')).toBe(106);
    expect(seen.longestOf('course:c')).toBeUndefined();
  });

  it('does not count a section that began before it listened, or whose lock was lost', () => {
    channels.lockReleased.publish({ resource: 'policy:a', outcome: 'released' });
    channels.lockAcquired.publish({ resource: 'policy:a', waitedMs: 0 });
    channels.lockLost.publish({ resource: 'policy:a', reason: 'expired' });
    channels.lockReleased.publish({ resource: 'policy:a', outcome: 'lost' });
    expect(seen.longestOf('policy:a')).toBeUndefined();
  });

  it('forgets the oldest kind when there are more than a hundred', async () => {
    for (let kind = 0; kind <= 100; kind++) await section(`kind${kind}:x`, 10);
    expect(seen.longestOf('kind0:x')).toBeUndefined();
    expect(seen.longestOf('kind100:x')).toBe(10);
  });
});
