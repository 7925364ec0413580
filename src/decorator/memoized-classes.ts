import { InvalidKeyError } from '../value/errors.js';

/** Who stands behind a name in the keys of one cache. */
interface Claim {
  readonly owner: unknown;
  /** The only instance, where a method of the class needs it to be. Not kept alive by this. */
  instance?: WeakRef<object>;
}

const claims = new WeakMap<object, Map<string, Claim>>();

/**
 * Two classes of one name would answer each other's calls.
 * @throws InvalidKeyError when another class stands behind the name in this cache; the application does not start.
 */
export function claimName(cache: object, name: string, owner: unknown): void {
  const present = claimOf(cache, name, owner);
  if (present.owner === owner) return;
  throw new InvalidKeyError(
    `@Memoize: two classes are called ${name}, so their keys would be the same. Rename one, or give it the option name or a key class.`,
  );
}

/**
 * Two instances of one class would answer each other's calls, as those of two tenants' connections. Also an instance that is gone by now
 * has left its answers.
 * @throws InvalidKeyError for every instance but the first; whoever makes it is told.
 */
export function claimInstance(cache: object, name: string, instance: object, member: string): void {
  const claim = claimOf(cache, name, instance.constructor);
  claim.instance ??= new WeakRef(instance);
  if (claim.instance.deref() === instance) return;
  throw new InvalidKeyError(
    `@Memoize: a second instance of ${name} was made, and ${member} would answer for both alike. ${apartRemedy(name)}`,
  );
}

/** What to do about several instances of a class. */
export const apartRemedy = (name: string): string =>
  `Give it the option args, where 'this' is the instance (function (this: ${name}, …) { return [this.tenant, …]; }), or a key class; or make one instance alone.`;

function claimOf(cache: object, name: string, owner: unknown): Claim {
  let names = claims.get(cache);
  if (!names) claims.set(cache, (names = new Map<string, Claim>()));
  let claim = names.get(name);
  if (!claim) names.set(name, (claim = { owner }));
  return claim;
}
