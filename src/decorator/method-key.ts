import { versionedKey } from '../key/key.js';
import type { Key } from '../key/key.js';
import type { KeyPart } from '../key/key-part.js';
import { InvalidKeyError } from '../value/errors.js';
import { memberName } from '../value/member.js';

const remedy =
  'Give the option args: it maps the arguments to the parts of a key, or to the parameters of a key class.';

/**
 * Refuses what can be known before any call: parameters that are objects, arrays, functions or instances by the types that the compiler
 * noted. Interfaces and unions are noted as Object, and may be anything.
 *
 * @throws InvalidKeyError naming the method and the parameter.
 */
export function assertKeyable(target: object, method: string | symbol): void {
  const member = memberName(target, method);
  if (target.constructor.name === '') {
    throw new InvalidKeyError(
      `@Memoize: ${member} has no name to stand in its keys. Name the class, or give a key class.`,
    );
  }
  const types = Reflect.getMetadata('design:paramtypes', target, method) as unknown[] | undefined;
  const bad = types?.findIndex((type) => type !== undefined && !keyable.includes(type)) ?? -1;
  if (bad === -1) return;
  const { name } = types?.[bad] as { name: string };
  throw new InvalidKeyError(
    `@Memoize: argument ${bad + 1} of ${member} is of type ${name}, which is no key. ${remedy}`,
  );
}

const keyable: readonly unknown[] = [String, Number, Boolean, BigInt];

/**
 * The key of a call: the class of the instance, the method, each argument. Arguments left out at the end and `undefined` there are the
 * same call. @throws InvalidKeyError naming the method and the argument that is no key part.
 */
export function methodKey(instance: object, method: string, args: readonly unknown[]): Key {
  return versionedKey(instance.constructor.name, method, ...argumentParts(instance, method, args));
}

/** As {@link methodKey}, of parts that the caller made of the arguments. */
export function mappedKey(instance: object, method: string, parts: unknown): Key {
  if (Array.isArray(parts)) return versionedKey(instance.constructor.name, method, ...(parts as KeyPart[]));
  throw new InvalidKeyError(
    `${memberName(Object.getPrototypeOf(instance) as object, method)}: args gave no array of key parts. Return one.`,
  );
}

function argumentParts(instance: object, method: string, args: readonly unknown[]): KeyPart[] {
  let length = args.length;
  while (length > 0 && args[length - 1] === undefined) length--;
  const parts = args.slice(0, length);
  const bad = parts.findIndex((part) => !isKeyPart(part));
  if (bad === -1) return parts as KeyPart[];
  const member = memberName(Object.getPrototypeOf(instance) as object, method);
  throw new InvalidKeyError(`Argument ${bad + 1} of ${member} is ${kindOf(parts[bad])}, which is no key. ${remedy}`);
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
