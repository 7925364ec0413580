import { Key } from '../key/key.js';
import type { KeyPart } from '../key/key-part.js';
import { InvalidKeyError, InvalidOptionError } from '../value/errors.js';
import { isNameOfMixin, memberName } from '../value/member.js';

const remedy =
  'Give the option args: it maps the arguments to the parts of a key, or to the parameters of a key class.';

/** Minifiers count classes with these, and count anew in every build. */
const longestMinifiedName = 2;

/**
 * The name of a class as it stands in keys.
 *
 * @throws InvalidKeyError for a class without a name, for a name that another class may have after the next build, and for one that the class has in this process
 * alone. InvalidOptionError for an option `name` that is no name.
 */
export function nameInKeys(owner: { readonly name: string }, method: string | symbol, own?: string): string {
  if (own !== undefined) {
    if (typeof own === 'string' && own.length > 0) return own;
    throw new InvalidOptionError('@Memoize', `the name of ${owner.name}.${String(method)} is empty`, 'Give a text.');
  }
  const { name } = owner;
  if (name === '') {
    throw new InvalidKeyError(
      `@Memoize: a class without a name.${String(method)} has no name to stand in its keys. Name the class, or give the option name or a key class.`,
    );
  }
  if (isNameOfMixin(name)) {
    throw new InvalidKeyError(
      `@Memoize: the class of ${name}.${String(method)} has a name that mixin() gave it at random, and in each process it has another. Extend it by a class with a name, or give the option name or a key class.`,
    );
  }
  if (name.length > longestMinifiedName) return name;
  throw new InvalidKeyError(
    `@Memoize: the class of ${name}.${String(method)} has a name as a minifier gives it, and in the next build another class may have it. Have the bundler keep names (esbuild: keepNames, terser: keep_classnames, swc: keep_classnames), or give the option name or a key class.`,
  );
}

/**
 * The key of a call: the name of the class, the method, each argument. Arguments left out at the end and `undefined` there are the
 * same call. What arguments are is judged here, at the call: the types that compilers note differ.
 *
 * @throws InvalidKeyError naming the method and the argument that is no key part.
 */
export function methodKey(name: string, method: string, args: readonly unknown[]): Key {
  let length = args.length;
  while (length > 0 && args[length - 1] === undefined) length--;
  const parts = args.slice(0, length);
  const bad = parts.findIndex((part) => !isKeyPart(part));
  if (bad === -1) return keyOf(name, method, parts as KeyPart[], () => `${name}.${method}`);
  throw new InvalidKeyError(
    `Argument ${bad + 1} of ${name}.${method} is ${kindOf(parts[bad])}, which is no key. ${remedy}`,
  );
}

/**
 * As {@link methodKey}, of parts that the caller made of the arguments.
 *
 * @throws InvalidKeyError naming the class, the method and the part that is none.
 */
export function mappedKey(name: string, instance: object, method: string, parts: unknown): Key {
  const member = (): string => memberName(Object.getPrototypeOf(instance) as object, method);
  if (!Array.isArray(parts)) throw new InvalidKeyError(`${member()}: args gave no array of key parts. Return one.`);
  const bad = parts.findIndex((part) => !isKeyPart(part));
  if (bad === -1) return keyOf(name, method, parts as KeyPart[], member);
  throw new InvalidKeyError(
    `${member()}: part ${bad + 1} that args gave is ${kindOf(parts[bad])}, which is no key. Give strings, finite numbers, booleans, bigints or null.`,
  );
}

/** The parts may be a hundred thousand: as the arguments of a function they would end the stack. */
function keyOf(name: string, method: string, parts: readonly KeyPart[], member: () => string): Key {
  try {
    return new Key([name, method, ...parts]);
  } catch (cause) {
    if (!(cause instanceof InvalidKeyError)) throw cause;
    throw new InvalidKeyError(`${member()}: ${cause.message}`, { cause });
  }
}

function isKeyPart(part: unknown): part is KeyPart {
  if (typeof part === 'number') return Number.isFinite(part);
  return part === null || typeof part === 'string' || typeof part === 'boolean' || typeof part === 'bigint';
}

function kindOf(part: unknown): string {
  if (part === undefined) return 'undefined';
  if (typeof part === 'number') return String(part);
  return Array.isArray(part) ? 'an array' : typeof part === 'object' ? 'an object' : `a ${typeof part}`;
}
