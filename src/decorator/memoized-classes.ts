import { InvalidKeyError } from '../value/errors.js';

/** The classes whose names stand in the keys of a cache. */
const claims = new WeakMap<object, Map<string, unknown>>();

/**
 * Two classes of one name would answer each other's calls.
 * @throws InvalidKeyError when another class of that name uses the cache; the application does not start.
 */
export function claimName(cache: object, owner: { readonly name: string }): void {
  let owners = claims.get(cache);
  if (!owners) claims.set(cache, (owners = new Map<string, unknown>()));
  const present = owners.get(owner.name);
  if (present === owner) return;
  if (present === undefined) return void owners.set(owner.name, owner);
  throw new InvalidKeyError(
    `@Memoize: two classes are called ${owner.name}, so their keys would be the same. Rename one, or give its methods a key class.`,
  );
}
