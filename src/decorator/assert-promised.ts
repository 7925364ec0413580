import 'reflect-metadata';
import { InvalidOptionError } from '../value/errors.js';
import { memberName } from '../value/member.js';

const remedy = 'Return a promise: a cache and a lock answer later.';
const streamRemedy = 'What comes in pieces has no one answer: collect it first, and return a promise of the whole.';

/**
 * Refuses a method that can't return a promise: a generator, and one whose return type the compiler noted as a class without `then`.
 * Interfaces and unions are noted as Object, and may be anything.
 *
 * @throws InvalidOptionError naming the method.
 */
export function assertPromised(decorator: string, target: object, method: string | symbol, original: object): void {
  const kind = Object.prototype.toString.call(original);
  if (kind === '[object AsyncGeneratorFunction]' || kind === '[object GeneratorFunction]') {
    throw new InvalidOptionError(decorator, `${memberName(target, method)} is a generator`, streamRemedy);
  }
  const type: unknown = Reflect.getMetadata('design:returntype', target, method);
  if (typeof type !== 'function' || type === Object || type === Promise) return;
  const prototype: unknown = type.prototype;
  if (typeof prototype === 'object' && prototype !== null && 'then' in prototype) return;
  throw new InvalidOptionError(decorator, `${memberName(target, method)} returns ${type.name}`, remedy);
}

/**
 * What a method has answered. Generators that were compiled for older targets, streams and Observables are seen here.
 * @throws InvalidOptionError naming the method.
 */
export function assertOneAnswer<A>(decorator: string, member: string, answer: A): A {
  if (typeof answer !== 'object' || answer === null || 'then' in answer) return answer;
  if (!(Symbol.asyncIterator in answer) && !('subscribe' in answer && 'pipe' in answer)) return answer;
  throw new InvalidOptionError(decorator, `${member} returned a stream`, streamRemedy);
}
