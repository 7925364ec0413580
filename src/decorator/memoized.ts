import type { Key } from '../key/key.js';
import { InvalidOptionError } from '../value/errors.js';
import { dressAs } from './wrapped-method.js';

/** What a memoized method of an instance offers besides being called. All take the arguments of a call. */
export interface MemoizeControls<Args extends readonly unknown[], V> {
  /** The key under which the cache keeps the outcome of this call. */
  key(...args: Args): Key;
  /** Removes it from all tiers of all processes; false: not acknowledged yet, it is sent again. As `TieredCache.delete`. */
  invalidate(...args: Args): Promise<boolean>;
  /** Runs the method now and replaces what is kept. As `TieredCache.refresh`. */
  refresh(...args: Args): Promise<V>;
  /** What the request and process tiers hold, without running the method and without any I/O. */
  peek(...args: Args): V | undefined;
}

/** A memoized method as it stands on an instance. */
export type Memoized<F> = F extends (...args: infer Args) => Promise<infer V> ? F & MemoizeControls<Args, V> : never;

/**
 * The method of this instance with its controls; decorators can't change a method's type, this says what it is.
 *
 * @throws InvalidOptionError for a method without `@Memoize`, and an instance that Nest did not make.
 * @example await memoized(courses, 'find').invalidate('demo-x');
 */
export function memoized<T extends object, Name extends keyof T>(instance: T, method: Name): Memoized<T[Name]> {
  const found: unknown = instance[method];
  if (typeof found === 'function' && 'invalidate' in found) return found as Memoized<T[Name]>;
  throw new InvalidOptionError(
    'memoized',
    `${instance.constructor.name}.${String(method)} has no controls`,
    'Decorate it with @Memoize, and let Nest make the instance.',
  );
}

type Controls = MemoizeControls<readonly unknown[], unknown>;
type Methods = Record<string, (...args: unknown[]) => unknown>;

/**
 * Puts a function with controls on the instance itself, since one on the prototype can't know whose keys are meant. Calling it calls the
 * prototype's, whatever decorators above made of that; metadata is found through it. Without a `this` it is called on the instance.
 */
export function attachControls(instance: object, owner: object, method: string, controls: Controls): void {
  if (ownerOf(instance, method) !== owner) return; // a subclass overrides it
  const ofPrototype = (owner as Methods)[method] as (...args: unknown[]) => unknown;
  const own = function (this: unknown, ...args: unknown[]): unknown {
    return ((owner as Methods)[method] as (...args: unknown[]) => unknown).apply(this ?? instance, args);
  };
  Object.setPrototypeOf(own, ofPrototype);
  dressAs(own, ofPrototype);
  for (const [name, value] of Object.entries(controls)) Object.defineProperty(own, name, { value });
  Object.defineProperty(instance, method, { value: own, configurable: true, writable: true });
}

/** Which prototype the method comes from. An instance that was given one of its own keeps it. */
function ownerOf(instance: object, method: string): unknown {
  let at: unknown = instance;
  while (at !== null && !Object.hasOwn(at as object, method)) at = Object.getPrototypeOf(at);
  return at;
}
