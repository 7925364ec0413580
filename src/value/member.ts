import { InvalidOptionError } from './errors.js';

/** `Class.method`, as errors name a decorated method. */
export function memberName(target: object, method: string | symbol): string {
  return `${target.constructor.name || 'a class without a name'}.${String(method)}`;
}

/** @throws InvalidOptionError for a static method, a property or an accessor. */
export function methodOf<F>(
  decorator: string,
  target: object,
  method: string | symbol,
  descriptor: TypedPropertyDescriptor<F> | undefined,
): F {
  const member = typeof target === 'function' ? `${target.name}.${String(method)}` : memberName(target, method);
  if (typeof target === 'function') {
    const remedy = 'Decorate a method of the instances that Nest makes.';
    throw new InvalidOptionError(decorator, `${member} is static, and nothing injects into a class`, remedy);
  }
  const { value } = descriptor ?? {};
  if (typeof value === 'function') return value;
  throw new InvalidOptionError(decorator, `${member} is not a method`, 'Decorate a method.');
}

/** Whether Nest's `mixin()` has named the class: at random, in each process anew. */
export const isNameOfMixin = (name: string): boolean => /^[0-9a-f]{21}$/.test(name);
