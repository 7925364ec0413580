import 'reflect-metadata';
import type { TieredCache } from '../cache/tiered-cache.js';
import { Key } from '../key/key.js';
import type { KeyLike } from '../key/key.js';
import { InvalidOptionError, StoreUnavailableError } from '../value/errors.js';
import { getTieredCacheToken } from '../cache/injection-tokens.js';
import { injected } from './injected.js';
import { assertPromised } from './assert-promised.js';
import { memberName, methodOf } from '../value/member.js';
import { replaceMethod } from './wrapped-method.js';

/** What a call made untrue. At least one of `keys` and `tags`. */
export interface InvalidateOptions<Args extends readonly unknown[], Result> {
  /** The name of the cache. Default: the one injected by class. */
  readonly cache?: string;
  /** The keys that go, made from the arguments and what the method returned. `this` is the instance. */
  readonly keys?: (args: Args, result: Result) => KeyLike | Iterable<KeyLike>;
  /** The tags that go. */
  readonly tags?: readonly string[] | ((args: Args, result: Result) => readonly string[]);
  /** Rejects with StoreUnavailableError when the store does not acknowledge; the method has run all the same. Default false: it is sent again. */
  readonly confirm?: boolean;
}

export type InvalidateDecorator<Args extends readonly unknown[], Result> = <
  F extends (...args: [...Args, ...never[]]) => Promise<Result>,
>(
  target: object,
  method: string,
  descriptor: TypedPropertyDescriptor<F>,
) => void;

type Method = (...args: readonly unknown[]) => Promise<unknown>;

/**
 * Invalidates after the method has succeeded, before its caller knows; a method that throws invalidates nothing. An error in `keys` or
 * `tags` reaches the caller, although the method has run.
 *
 * @throws InvalidOptionError at the definition of the class, naming the method.
 * @example
 * @Invalidate({ keys: ([slug]: [string]) => courseKey({ slug }), tags: ['course-lists'] })
 * async rename(slug: string, title: string): Promise<Course> { … }
 */
export function Invalidate<A extends readonly unknown[] = never, R = unknown>(
  options: InvalidateOptions<A, R>,
): InvalidateDecorator<A, R>;
export function Invalidate(given: object): InvalidateDecorator<never, unknown> {
  const { cache: name, keys, tags, confirm = false } = given as InvalidateOptions<readonly unknown[], unknown>;
  return (target, method, descriptor) => {
    const original = methodOf('@Invalidate', target, method, descriptor) as unknown as Method;
    assertPromised('@Invalidate', target, method);
    if (!keys && !tags) {
      const problem = `${memberName(target, method)} names nothing to invalidate`;
      throw new InvalidOptionError('@Invalidate', problem, 'Give keys, tags or both.');
    }
    const cacheOf = injected<TieredCache>('@Invalidate', target, method, getTieredCacheToken(name));
    replaceMethod(descriptor, original as never, async function (this: object, ...args: readonly unknown[]) {
      const cache = cacheOf(this);
      const result = await original.apply(this, [...args]);
      const gone = keys?.call(this, args, result);
      const named = typeof tags === 'function' ? tags.call(this, args, result) : (tags ?? []);
      await Promise.all([
        gone === undefined ? undefined : cache.deleteMany(isOne(gone) ? [gone] : gone, { confirm }),
        named.length > 0 ? invalidateTags(cache, named, confirm) : undefined,
      ]);
      return result;
    });
  };
}

async function invalidateTags(cache: TieredCache, tags: readonly string[], confirm: boolean): Promise<void> {
  if ((await cache.invalidateTags(...tags)) || !confirm) return;
  throw new StoreUnavailableError(cache.name, 'the invalidation of tags was not acknowledged');
}

/** A string is iterable too, and one key. */
function isOne(keys: KeyLike | Iterable<KeyLike>): keys is KeyLike {
  return typeof keys === 'string' || keys instanceof Key;
}
