/** Whether it has to be waited for. The promises of an ORM, and those of another realm, are of no class that is known here. */
export function isPromiseLike(given: unknown): given is PromiseLike<unknown> {
  return typeof given === 'object' && given !== null && 'then' in given && typeof given.then === 'function';
}
