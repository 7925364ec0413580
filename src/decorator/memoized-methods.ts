/** By prototype and name, whether the class needs to have one instance. */
const methods = new WeakMap<object, Map<string, boolean>>();

/** @param needsOneInstance its keys say nothing of the instance: they are the class, the method and the arguments as they are. */
export function rememberMemoized(prototype: object, method: string, needsOneInstance: boolean): void {
  let ofPrototype = methods.get(prototype);
  if (!ofPrototype) methods.set(prototype, (ofPrototype = new Map<string, boolean>()));
  ofPrototype.set(method, needsOneInstance);
}

/** The memoized methods of a class, inherited ones included, and whether each needs one instance; an override stands for what it overrides. */
export function memoizedMethodsOf(prototype: unknown): Map<string, boolean> {
  const found = new Map<string, boolean>();
  const overridden = new Set<string>();
  for (let at = prototype; typeof at === 'object' && at !== null; at = Object.getPrototypeOf(at)) {
    for (const [name, needsOneInstance] of methods.get(at) ?? []) {
      if (!overridden.has(name)) found.set(name, needsOneInstance);
    }
    for (const name of Object.getOwnPropertyNames(at)) overridden.add(name);
  }
  return found;
}

/**
 * Whether a class between the instance and `prototype` overrides the method with a memoized one: then `prototype`'s is called by `super`, as
 * a part of the load that the override's entry is made of. An entry of its own would answer later calls with half of it.
 */
export function isPartOfOverride(instance: unknown, prototype: object, method: string): boolean {
  if (typeof instance !== 'object' || instance === null) return false;
  for (let at: unknown = Object.getPrototypeOf(instance); at !== prototype; at = Object.getPrototypeOf(at)) {
    if (at === null) return false;
    if (methods.get(at as object)?.has(method)) return true;
  }
  return false;
}
