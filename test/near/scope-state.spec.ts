import { describe, expect, it } from '@jest/globals';
import type { NearCopy } from '../../src/near/near-copy.js';
import { RequestScope, RequestTier, ScopeState } from '../../src/near/request-scope.js';

describe('What a request holds', () => {
  it('is kept by owner, and gone with all its notes once it is cleared', () => {
    const state = new ScopeState();
    const [mine, yours] = [{}, {}];
    expect(state.tierOf(mine)).toBe(state.tierOf(mine));
    expect(state.tierOf(mine)).not.toBe(state.tierOf(yours));
    expect([...state.held]).toHaveLength(2);
    const notes = state.notesOf(mine);
    notes.set('tag', { number: 1, position: 0 });
    expect(state.notesOf(mine)).toBe(notes);
    state.tierOf(mine).set('k', { mark: 1 } as NearCopy);
    state.clearAll();
    expect(state.tierOf(mine).get('k')).toBeUndefined();
    expect([...state.notesOf(mine)]).toEqual([]);
    state.close();
  });

  it('counts as read when it was cleared, until it is read anew, and for whoever kept hold of it when the request has ended', () => {
    const state = new ScopeState();
    const { held } = state;
    const tier = state.tierOf('cache');
    const reads = () => [...(held.get('cache')?.reads() ?? [])].map(([id, { mark }]) => [id, mark]);
    tier.set('k', { mark: 1 } as NearCopy);
    state.clearAll();
    expect([tier.get('k'), reads()]).toEqual([undefined, [['k', 1]]]);
    state.close();
    state.close();
    expect([state.closed, reads(), [...state.held]]).toEqual([true, [['k', 1]], []]);
    tier.set('k', { mark: 2 } as NearCopy);
    expect(reads()).toEqual([['k', 2]]);
    tier.delete('k');
    expect(reads()).toEqual([]);
  });
});

const sizeOf = (tier: RequestTier): number => [...tier.reads()].length;

describe('What a request holds of one cache', () => {
  it('is 10,000 copies at most; the oldest go, and the earliest mark of theirs is remembered', () => {
    const tier = new RequestTier();
    const copyOf = (mark: number): NearCopy => ({ mark }) as NearCopy;
    for (let id = 0; id < 10_000; id++) tier.set(`${id}`, copyOf(id === 1 ? 5 : 7));
    expect([sizeOf(tier), tier.forgottenMark]).toEqual([10_000, Infinity]);
    tier.set('10000', copyOf(7));
    expect([sizeOf(tier), tier.forgottenMark, tier.get('0'), tier.get('1')?.mark]).toEqual([10_000, 7, undefined, 5]);
    for (let id = 10_001; id < 10_003; id++) tier.set(`${id}`, copyOf(7));
    expect([sizeOf(tier), tier.forgottenMark, tier.get('2')]).toEqual([10_000, 5, undefined]);
    tier.note('noted', copyOf(3));
    tier.clear();
    expect([sizeOf(tier), tier.forgottenMark]).toEqual([10_000, 3]);
  });
});

describe('A scope', () => {
  it('is current until it is closed, also for work that outlives it, and however many others are', async () => {
    const scope = new RequestScope();
    let later = (): ScopeState | undefined => undefined;
    await scope.run(async () => {
      const state = scope.current();
      expect(state).toBeInstanceOf(ScopeState);
      later = () => scope.open(state as ScopeState, () => scope.current());
      await scope.run(() => expect(scope.current()).not.toBe(state));
      expect(scope.current()).toBe(state);
      expect(scope.outside(() => scope.current())).toBeUndefined();
    });
    expect(later()).toBeUndefined();
    await scope.run(() => expect(later()).toBeUndefined());
    expect(scope.current()).toBeUndefined();
  });
});
