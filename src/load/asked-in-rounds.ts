import type { EntryPolicy } from '../catalogue/entry-policy.js';
import type { Key } from '../key/key.js';

/** Keys of one call, each asked once. */
export interface Rounds<A> {
  /** One after another; in each, a key stands once, under its id. */
  readonly rounds: readonly ReadonlyMap<string, A>[];
  /** In the order of the keys. */
  readonly asked: readonly A[];
}

/**
 * A key that stands several times in a call is asked for once. Key classes may give one key by several ways to read it: each is asked in a round of its
 * own, as one look-up after another would be. What one has decoded is no answer to the other.
 */
export function inRounds<V, A extends { readonly policy: EntryPolicy<V> }>(
  keys: readonly Key[],
  policyOf: (key: Key) => EntryPolicy<V>,
  ask: (key: Key, policy: EntryPolicy<V>, index: number) => A,
): Rounds<A> {
  const rounds: Map<string, A>[] = [];
  const asked = keys.map((key, index) => {
    const policy = policyOf(key);
    for (const round of rounds) {
      const present = round.get(key.id);
      if (present === undefined) return entered(round, key, ask(key, policy, index));
      if (isAlike(present.policy, policy)) return present;
    }
    const round = new Map<string, A>();
    rounds.push(round);
    return entered(round, key, ask(key, policy, index));
  });
  return { rounds, asked };
}

function entered<A>(round: Map<string, A>, key: Key, one: A): A {
  round.set(key.id, one);
  return one;
}

/** Whether the answer to one is the answer to the other. */
function isAlike<V>(one: EntryPolicy<V>, other: EntryPolicy<V>): boolean {
  if (one === other) return true;
  const { codec, isolation, version } = one.serving;
  const { serving, shared, requestOnly } = other;
  return (
    codec === serving.codec &&
    isolation === serving.isolation &&
    version === serving.version &&
    one.shared === shared &&
    one.requestOnly === requestOnly
  );
}
