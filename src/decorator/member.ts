import { InvalidOptionError } from '../value/errors.js';

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

/** @throws InvalidOptionError when the compiler noted that the method returns something else than a promise. */
export function assertPromised(decorator: string, target: object, method: string | symbol): void {
  const type: unknown = Reflect.getMetadata('design:returntype', target, method);
  if (typeof type !== 'function' || type === Object || type === Promise || type.prototype instanceof Promise) return;
  throw new InvalidOptionError(
    decorator,
    `${memberName(target, method)} returns ${type.name}`,
    'Return a promise: a cache and a lock answer later.',
  );
}
