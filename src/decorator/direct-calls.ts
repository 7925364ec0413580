/** How many callers have asked for direct calls, and not yet ended them. */
let asked = 0;

/** Whether decorated methods run themselves now, without a cache and without a lock. */
export const callsAreDirect = (): boolean => asked > 0;

/**
 * Makes the methods under `@Memoize`, `@Invalidate`, `@WithLock` and `@WithRequestScope` run themselves, in the whole process and for every instance, until it is
 * ended: nothing is cached, invalidated or locked, no scope is opened, and `heldLease()` is undefined. An instance needs no cache then, so that `new Service()` is
 * enough for a unit test.
 *
 * Controls (`memoized(service, 'find')`) stand on instances that Nest made, as without it.
 *
 * @returns ends it. Calls that overlap end one by one; ending the same one again does nothing.
 * @example
 * let end: () => void;
 * beforeEach(() => (end = runDecoratedMethodsDirectly()));
 * afterEach(() => end());
 */
export function runDecoratedMethodsDirectly(): () => void {
  let ended = false;
  asked++;
  return () => {
    if (ended) return;
    ended = true;
    asked--;
  };
}
