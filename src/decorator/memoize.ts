import 'reflect-metadata';
import { getTieredCacheToken } from '../cache/injection-tokens.js';
import { entryPolicy } from '../catalogue/entry-policy.js';
import { TieredCache } from '../cache/tiered-cache.js';
import type { EntryOptions } from '../catalogue/entry-options.js';
import { entryValues } from '../catalogue/entry-values.js';
import type { KeyClass } from '../catalogue/key-class.js';
import type { Key } from '../key/key.js';
import { rememberLoadedBy } from '../codec/loaded-by.js';
import { InvalidKeyError, InvalidOptionError } from '../value/errors.js';
import { memberName, methodOf } from '../value/member.js';
import { isPromiseLike } from '../value/promise-like.js';
import type { Unchecked } from '../value/unchecked.js';
import { assertOneAnswer, assertPromised } from './assert-promised.js';
import { injected } from './injected.js';
import { knownMemoizeOptions } from './memoize-options.js';
import type { MemoizeByArguments, MemoizeByKeyClass, MemoizeDecorator, UpstreamVersion } from './memoize-options.js';
import { attachControls } from './memoized.js';
import { claimInstance, claimName } from './memoized-classes.js';
import { isPartOfOverride, rememberMemoized } from './memoized-methods.js';
import { mappedKey, methodKey, nameInKeys } from './method-key.js';
import { replaceMethod } from './wrapped-method.js';

type Args = readonly unknown[];
type Method = (...args: Args) => Promise<unknown>;
type AnyOptions = Omit<MemoizeByArguments<Args, unknown>, 'key' | 'args'> & {
  readonly key?: KeyClass<object, unknown> | undefined;
  readonly args?: ((...args: Args) => unknown) | undefined;
};

/**
 * Answers calls of a method from the cache: one run of the method for callers of the same key, in this process and in others, as
 * `TieredCache.getOrSet` does. On methods of providers and controllers of any scope; the cache is injected.
 *
 * What runs in the method learns from `loadSignal()` that the load took longer than `maxLoad`.
 * Its controls are on the method of each instance, see {@link memoized}. What the method returns must be what the codec carries (JSON by
 * default), and is deeply frozen. Neither the instance nor who asks is part of the key: map them with `args` where they matter. Without
 * `args` and `key` a class has one instance: a second one, and a class of request scope, are errors.
 *
 * A memoized override may call a memoized `super`: that one runs as a part of the override's load, and keeps nothing of its own.
 *
 * @throws InvalidKeyError, InvalidOptionError, InvalidDurationError at the definition of the class, naming the method. At the call
 * InvalidKeyError for an argument that is no key part. When an instance is made InvalidKeyError for a second one, and for a second class
 * of the same name.
 * @example
 * class Courses {
 *   @Memoize({ ttl: '5m' })
 *   async find(slug: string): Promise<Course> { … }
 *
 *   @Memoize({ key: contentMetadata, args: (customerUuid: string, contentKey: string) => ({ customerUuid, contentKey }) })
 *   async metadata(customerUuid: string, contentKey: string): Promise<ContentMetadata> { … }
 * }
 */
export function Memoize<A extends readonly unknown[] = Unchecked[], V = Unchecked, const P = unknown>(
  options: MemoizeByKeyClass<A, V, P>,
): MemoizeDecorator<A, V>;
export function Memoize<A extends readonly unknown[] = Unchecked[], V = Unchecked>(
  options?: MemoizeByArguments<A, V>,
): MemoizeDecorator<A, V>;
export function Memoize(given: object = {}): MemoizeDecorator<never, unknown> {
  const { cache: cacheName, key: keyClass, args: mapping, name: ownName, tags, version, ...rest } = given as AnyOptions;
  const kept: EntryOptions | undefined = Array.isArray(tags) ? { ...rest, tags: tags as string[] } : rest;
  const constant = Object.keys(kept).length > 0 ? Object.freeze(kept) : undefined;

  return (target, method, descriptor) => {
    const original = methodOf('@Memoize', target, method, descriptor) as unknown as Method;
    const member = memberName(target, method);
    knownMemoizeOptions.check(given, `@Memoize ${member}`);
    assertOptions(constant, given);
    assertPromised('@Memoize', target, method, original);
    if (keyClass) assertParameters(keyClass, member, mapping !== undefined, ownName);
    else nameInKeys(target.constructor, method, ownName);
    const needsOneInstance = !keyClass && !mapping;
    rememberMemoized(target, method, needsOneInstance);

    const keyOf = (instance: object, args: Args): Key => {
      if (keyClass) return mapping ? keyClass(mapping.apply(instance, [...args]) as object) : keyClass();
      const name = ownName ?? instance.constructor.name;
      return mapping
        ? mappedKey(name, instance, method, mapping.apply(instance, [...args]))
        : methodKey(name, method, args);
    };
    const optionsOf = (instance: object, args: Args): EntryOptions | undefined =>
      typeof tags === 'function' ? { ...constant, tags: tags.apply(instance, [...args]) } : constant;

    const load = (verb: 'getOrSet' | 'refresh', instance: object, args: Args): Promise<unknown> => {
      try {
        const cache = cacheOf(instance, verb);
        const key = keyOf(instance, args);
        const options = optionsOf(instance, args);
        const loader = async (): Promise<unknown> => {
          const answer = await assertOneAnswer('@Memoize', member, original.apply(instance, [...args]));
          rememberLoadedBy(answer, member);
          return answer;
        };
        if (!version) return cache[verb](key, loader, options);
        const wanted = version.apply(instance, [...args]);
        const versioned = (one: UpstreamVersion | undefined): Promise<unknown> =>
          cache[verb](key, loader, one === undefined ? options : { ...options, version: one });
        return isPromiseLike(wanted) ? Promise.resolve(wanted).then(versioned) : versioned(wanted);
      } catch (error) {
        return Promise.reject(error);
      }
    };
    /** A mock of a test keeps nothing, and may outlive the application that it was made for. */
    const claim = (cache: TieredCache, name: string, instance: object): void => {
      claimName(cache, name, instance.constructor);
      if (needsOneInstance && !isPartOfOverride(instance, target, method)) claimInstance(cache, name, instance, member);
    };
    const cacheOf = injected<TieredCache>('@Memoize', target, method, getTieredCacheToken(cacheName), {
      onInjected: (instance, cache) => {
        if (!keyClass) {
          const name = nameInKeys(instance.constructor, method, ownName);
          if (cache instanceof TieredCache) claim(cache, name, instance);
        }
        attachControls(instance, target, method, {
          key: (...args) => keyOf(instance, args),
          invalidate: async (...args) => (cache as TieredCache).delete(keyOf(instance, args)),
          refresh: (...args) => load('refresh', instance, args),
          peek: (...args) => (cache as TieredCache).peek(keyOf(instance, args)),
        });
      },
    });
    replaceMethod(descriptor, original as never, function (this: object, ...args: Args) {
      return isPartOfOverride(this, target, method) ? original.apply(this, [...args]) : load('getOrSet', this, args);
    });
  };
}

/** Durations and the like are wrong at the definition, not at the first call. */
function assertOptions(options: EntryOptions | undefined, { tags, version }: AnyOptions): void {
  entryPolicy([options]);
  if (typeof tags !== 'function') entryValues.tags(tags);
  if (version === undefined || typeof version === 'function') return;
  throw new InvalidOptionError('version', 'it is no function', 'Give a function of the arguments.');
}

function assertParameters(
  { pattern, parsed }: KeyClass<object, unknown>,
  member: string,
  isMapped: boolean,
  ownName: string | undefined,
): void {
  if (ownName !== undefined) {
    throw new InvalidOptionError(
      '@Memoize',
      `${member} has a key class and a name`,
      'The key class names its keys: leave name out.',
    );
  }
  if (parsed.parameters.length === 0 || isMapped) return;
  throw new InvalidKeyError(`@Memoize: ${member} has the key class '${pattern}' and no mapping. Give the option args.`);
}
