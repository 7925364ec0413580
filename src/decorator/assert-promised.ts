import 'reflect-metadata';
import { InvalidOptionError } from '../value/errors.js';
import { memberName } from '../value/member.js';

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
