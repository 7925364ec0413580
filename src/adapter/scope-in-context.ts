import type { ScopeState } from '../near/request-scope.js';

/** Where a context of the team's keeps the state. No other package can have the same symbol. */
const place = Symbol('nestjs-tiered-cache: request scope');

/** A context of `nestjs-cls` or `cls-hooked`: an object that travels with the asynchronous work. */
export interface TeamContext {
  [place]?: ScopeState | undefined;
}

export function stateIn(context: TeamContext | null | undefined): ScopeState | undefined {
  return context?.[place];
}

/** Keeps the state in the context itself, for all who share it. */
export function putState<C extends object>(context: C, state: ScopeState | undefined): C {
  (context as TeamContext)[place] = state;
  return context;
}

/**
 * The same context with another state in it: what is read and written is the team's own, so that nothing they set in here is lost
 * out there, while those who run beside it keep the state that they had.
 */
export function withState<C extends object>(context: C, state: ScopeState | undefined): C {
  let held = state;
  const proxy: C = new Proxy(context, {
    get: (target, name): unknown => (name === place ? held : Reflect.get(target, name)),
    set: (target, name, value: unknown, receiver: unknown) => {
      // A child context of cls-hooked has this one as its prototype, and what is set in it is its own.
      if (receiver !== proxy) return Reflect.set(target, name, value, receiver);
      if (name !== place) return Reflect.set(target, name, value);
      held = value as ScopeState | undefined;
      return true;
    },
    has: (target, name) => name === place || Reflect.has(target, name),
    // A child context is made by copying (`{ ...context }`), and takes the state along.
    ownKeys: (target) => [...new Set([...Reflect.ownKeys(target), place])],
    getOwnPropertyDescriptor: (target, name) =>
      name === place
        ? { value: held, writable: true, enumerable: true, configurable: true }
        : Reflect.getOwnPropertyDescriptor(target, name),
  });
  return proxy;
}
