import { InvalidOptionError } from '../value/errors.js';
import { sameHeader } from './kept-headers.js';

type Headers = Readonly<Record<string, unknown>>;
type Refuse = (what: string) => never;
interface ReadsHeaders {
  getHeader(name: string): unknown;
}

/** What leads from a response to its request on Express and Fastify. */
const waysBack: readonly PropertyKey[] = ['req', 'request'];

/** Methods of Express, Fastify and Node that read one header, and those that list names of headers. */
const readOne: readonly PropertyKey[] = ['get', 'getHeader', 'hasHeader'];
const listNames: readonly PropertyKey[] = ['getHeaderNames', 'getRawHeaderNames'];

/**
 * The same response without its request and without what middleware has made of that, for a handler whose answer is kept under a key that knows of
 * neither. Its methods run on the response itself: those of Express look at the request, as for the secret of a signed cookie, and at headers that
 * they extend.
 *
 * @param before the headers that stood on it before the handler. Of these it may read `Vary`, which libraries extend.
 * @param member the handler, as errors name it.
 */
export function withoutRequest<R extends ReadsHeaders>(response: R, before: Headers, member: string): R {
  const refuse: Refuse = (what) => {
    throw readsRequest(member, what);
  };
  const isHidden = (name: string): boolean => {
    const lower = name.toLowerCase();
    const value = response.getHeader(lower);
    return value !== undefined && lower !== 'vary' && sameHeader(value, before[lower]);
  };
  const seen: R = new Proxy(response, {
    get(target, name) {
      if (waysBack.includes(name)) return refuse(String(name));
      const value: unknown = Reflect.get(target, name);
      if (name === 'locals') return writeOnly(value, refuse);
      if (name === 'raw' && typeof value === 'object' && value !== null)
        return withoutRequest(value as ReadsHeaders, before, member);
      return typeof value === 'function' ? runOn(value as Method, name) : value;
    },
    set: (target, name, value) => Reflect.set(target, name, value),
  });

  /** With the properties of the method. Where it gives back what it runs on, a call that is chained to it sees no more. */
  const runOn = (method: Method, name: PropertyKey): unknown =>
    new Proxy(method, {
      apply(target, self, args) {
        if (readOne.includes(name) && isHidden(String(args[0]))) return refuse(`the header ${String(args[0])}`);
        const result: unknown = Reflect.apply(target, self === seen ? response : self, args);
        if (name === 'getHeaders') return withoutHidden(result as Headers, isHidden, refuse);
        if (listNames.includes(name)) return (result as string[]).filter((one) => !isHidden(one));
        return result === response ? seen : result;
      },
    });
  return seen;
}

type Method = (...args: unknown[]) => unknown;

/** Whoever lists or copies the headers sees none that is hidden. Whoever reads one is refused. */
function withoutHidden(headers: Headers, isHidden: (name: string) => boolean, refuse: Refuse): Headers {
  const shown = {};
  for (const [name, value] of Object.entries(headers)) {
    const property = isHidden(name) ? { get: () => refuse(`the header ${name}`) } : { value, enumerable: true };
    Object.defineProperty(shown, name, property);
  }
  return shown;
}

/** `locals` of Express, for middleware that reads them when the answer has been sent. */
function writeOnly(locals: unknown, refuse: Refuse): unknown {
  const refuseRead = (): never => refuse('locals');
  if (typeof locals !== 'object' || locals === null) return refuseRead();
  return new Proxy(locals, {
    get: refuseRead,
    has: refuseRead,
    ownKeys: refuseRead,
    getOwnPropertyDescriptor: refuseRead,
    set: (target, name, value) => Reflect.set(target, name, value),
  });
}

const readsRequest = (member: string, what: string): InvalidOptionError =>
  new InvalidOptionError(
    '@CachedResponse',
    `${member} reads ${what} of the response, of which the key of its answer knows nothing`,
    'Give the option keyedBy: (request) => [what of it makes a difference], or principal: a function that says who asks.',
  );
