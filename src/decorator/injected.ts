import { Inject } from '@nestjs/common';
import type { InjectionToken } from '@nestjs/common';
import { InvalidOptionError } from '../value/errors.js';
import { memberName } from '../value/member.js';

/** Called for every instance that was given its dependency, request-scoped and transient ones included. */
export type OnInjected = (instance: object, dependency: object) => void;

const listeners = Symbol('nestjs-tiered-cache:listeners');
type Listeners = Map<symbol, OnInjected[]>;

/**
 * Has Nest inject what `token` stands for into every instance of the class, by property injection: whatever the instance's scope, and
 * from the container that made it, so that two applications of one process don't mix.
 *
 * @param needs what the dependency needs besides the module, for whoever has none.
 * @returns reads the dependency of one instance. @throws InvalidOptionError for an instance that no Nest injector made, and for a dependency without the
 * method that is to be called, such as the mock of a test.
 */
export function injected<T extends object>(
  decorator: string,
  target: object,
  method: string | symbol,
  token: InjectionToken,
  { onInjected, needs = '' }: { readonly onInjected?: OnInjected; readonly needs?: string } = {},
): (instance: object, toCall?: keyof T & string) => T {
  const property = propertyOf(token);
  if (!Object.hasOwn(target, property)) {
    Inject(token)(target, property);
    Object.defineProperty(target, property, { configurable: true, set: receive, get: () => undefined });
  }
  if (onInjected) listen(target, property, onInjected);
  return (instance, toCall) => {
    const dependency = (instance as Record<symbol, T | undefined> | undefined)?.[property];
    if (dependency) {
      if (toCall === undefined || typeof dependency[toCall] === 'function') return dependency;
      const problem = `${memberName(target, method)} needs ${toCall}() of what it was injected with as ${describe(token)}`;
      throw new InvalidOptionError(decorator, problem, remedyOfMocks);
    }
    throw new InvalidOptionError(
      decorator,
      `${memberName(target, method)} was called on an object that was injected with no ${describe(token)}`,
      `Let Nest make the instance (a factory can take it from ModuleRef.create), and import TieredCacheModule${needs}.`,
    );
  };

  /** Not enumerable: nothing that prints or copies the instance comes upon the cache. */
  function receive(this: object, dependency: object): void {
    Object.defineProperty(this, property, { value: dependency, configurable: true, writable: true });
    for (let at: unknown = Object.getPrototypeOf(this); at !== null; at = Object.getPrototypeOf(at)) {
      if (!Object.hasOwn(at as object, listeners)) continue;
      const known = (at as { [listeners]: Listeners })[listeners].get(property);
      for (const listener of known ?? []) listener(this, dependency);
    }
  }
}

const remedyOfMocks = 'Give the mock such a method, or call runDecoratedMethodsDirectly() in the test.';

function listen(target: object, property: symbol, onInjected: OnInjected): void {
  if (!Object.hasOwn(target, listeners)) {
    Object.defineProperty(target, listeners, { value: new Map() satisfies Listeners });
  }
  const known = (target as { [listeners]: Listeners })[listeners];
  known.set(property, [...(known.get(property) ?? []), onInjected]);
}

const propertyOf = (token: InjectionToken): symbol => Symbol.for(`nestjs-tiered-cache:${describe(token)}`);

function describe(token: InjectionToken): string {
  return typeof token === 'function' ? token.name : String(token);
}
