import 'reflect-metadata';
import { memberName } from '../value/member.js';
import { InvalidOptionError } from '../value/errors.js';
import type { CachedResponseOptions } from './cached-response-options.js';

/** Nest's `ROUTE_ARGS_METADATA` and `RouteParamtypes`, the same in Nest 11 and 12; its packages don't export them by a stable path. */
const routeArguments = '__routeArguments__';
const responsePassthrough = '__responsePassthrough__';
const [responseType, nextType, queryType, headersType] = [1, 2, 4, 6];
/** Session, address, cookies. */
const personalTypes: readonly number[] = [7, 11, 14, 15];

/**
 * Refuses an answer that would be shared although it depends on what is not in its key: a query parameter, header, session or address
 * that the handler is injected with. What it reads from `@Req()` can't be known.
 *
 * @throws InvalidOptionError naming the handler and the option.
 */
export function assertKeyed(target: object, method: string | symbol, options: CachedResponseOptions): void {
  const refuse = (what: string, remedy: string): InvalidOptionError =>
    new InvalidOptionError('@CachedResponse', `${memberName(target, method)} takes ${what}`, remedy);
  const byPrincipal = typeof options.principal === 'function';
  for (const [type, data] of argumentsOf(target, method)) {
    if (type === responseType || type === nextType) {
      if (Reflect.getMetadata(responsePassthrough, target.constructor, method) === true) continue;
      throw refuse('the response to answer by itself', 'Use @Res({ passthrough: true }) and return the body.');
    }
    if (personalTypes.includes(type) && !byPrincipal) {
      throw refuse('the session, cookies or address of the client', 'Give the option principal.');
    }
    if (type !== queryType && type !== headersType) continue;
    const option = type === queryType ? 'query' : 'headers';
    const given = options[option];
    if (data === undefined && given === undefined) {
      throw refuse(`all ${option}`, `Give the option ${option}: those that make a difference.`);
    }
    if (data === undefined || isNamed(data, given ?? [], option)) continue;
    if (byPrincipal && option === 'headers' && isCredential(data)) continue;
    throw refuse(`'${data}' of the ${option}`, `Name it in the option ${option}.`);
  }
}

/** The type of each injected argument, and which one it asks for by name. Custom parameter decorators have no known type. */
function argumentsOf(target: object, method: string | symbol): [type: number, name: string | undefined][] {
  const metadata: unknown = Reflect.getMetadata(routeArguments, target.constructor, method) ?? {};
  return Object.entries(metadata as Record<string, { readonly data?: unknown }>).map(([key, { data }]) => [
    Number(key.split(':')[0]),
    typeof data === 'string' ? data : undefined,
  ]);
}

function isNamed(name: string, given: readonly string[], option: 'query' | 'headers'): boolean {
  return given.some((known) => (option === 'query' ? known === name : known.toLowerCase() === name.toLowerCase()));
}

const isCredential = (header: string): boolean => ['authorization', 'cookie'].includes(header.toLowerCase());
