import { listKeys, toKey } from '../key/key.js';
import type { Key, KeyLike } from '../key/key.js';
import { assertTag } from '../value/entry.js';
import type { InvalidateOptions, Untrue } from './invalidate-options.js';

type Args = readonly unknown[];

/** What one call made untrue. */
export interface UntrueNames {
  readonly keys: readonly Key[];
  readonly tags: readonly string[];
  /** Why something could not be named. It keeps nothing else from going: the method has run. */
  readonly errors: readonly unknown[];
}

/** Named while the arguments are still what they were, and looked at before anything is handed over: after a commit nobody could be told. */
export function untrueNames(
  { keys, tags, byResult }: InvalidateOptions<Args, unknown>,
  instance: object,
  args: Args,
  result: unknown,
): UntrueNames {
  const named = { keys: [] as Key[], tags: [] as string[], errors: [] as unknown[] };
  const attempt = (name: () => void): void => {
    try {
      name();
    } catch (error) {
      named.errors.push(error);
    }
  };
  const nameKeys = (given: Untrue['keys']): void => {
    if (given === undefined) return;
    for (const key of listKeys(given)) attempt(() => named.keys.push(checkedKey(key)));
  };
  const nameTags = (given: Untrue['tags']): void => {
    // A text, which the type refuses, is one tag: its characters are none.
    const list = typeof given === 'string' ? [given as string] : (given ?? []);
    for (const tag of list) attempt(() => named.tags.push(checkedTag(tag)));
  };
  attempt(() => nameKeys(keys?.apply(instance, [...args])));
  attempt(() => nameTags(typeof tags === 'function' ? tags.apply(instance, [...args]) : tags));
  attempt(() => {
    const more = byResult?.call(instance, result, ...args);
    nameKeys(more?.keys);
    nameTags(more?.tags);
  });
  return named;
}

/** That of a class may not have been encoded yet. */
function checkedKey(given: KeyLike): Key {
  const key = toKey(given);
  void key.text;
  return key;
}

function checkedTag(tag: string): string {
  assertTag(tag);
  return tag;
}
