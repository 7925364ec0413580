import { InvalidOptionError } from '../value/errors.js';

/** What leads from a response to its request, or to what middleware has made of that, on Express and Fastify. */
const waysBack: readonly PropertyKey[] = ['locals', 'req', 'request'];

/**
 * The same response without its request, for a handler whose answer is kept under a key that knows of neither. Its methods run on the response
 * itself: those of Express look at the request, as for the secret of a signed cookie.
 *
 * @param member the handler, as errors name it.
 */
export function withoutRequest<R extends object>(response: R, member: string): R {
  const seen: R = new Proxy(response, {
    get(target, name) {
      if (waysBack.includes(name)) throw readsRequest(member, String(name));
      const value: unknown = Reflect.get(target, name);
      if (name === 'raw' && typeof value === 'object' && value !== null) return withoutRequest(value, member);
      return typeof value === 'function' ? runOn(value, seen, target) : value;
    },
    set: (target, name, value) => Reflect.set(target, name, value),
  });
  return seen;
}

/** With the properties of the method. Where it gives back what it runs on, a call that is chained to it sees no more. */
function runOn<R extends object>(method: object, seen: R, response: R): unknown {
  return new Proxy(method as (...args: unknown[]) => unknown, {
    apply(target, self, args) {
      const result = Reflect.apply(target, self === seen ? response : self, args);
      return result === response ? seen : result;
    },
  });
}

const readsRequest = (member: string, name: string): InvalidOptionError =>
  new InvalidOptionError(
    '@CachedResponse',
    `${member} reads ${name} of the response, of which the key of its answer knows nothing`,
    'Give the option keyedBy: (request) => [what of it makes a difference], or principal: a function that says who asks.',
  );
