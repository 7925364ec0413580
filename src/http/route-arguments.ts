import 'reflect-metadata';
import { memberName } from '../value/member.js';
import { InvalidOptionError } from '../value/errors.js';
import type { CachedResponseOptions } from './cached-response-options.js';
import { isCredential } from './http-exchange.js';

/** Nest's `ROUTE_ARGS_METADATA`, and below its `RouteParamtypes`, the same in Nest 11 and 12; its packages don't export them by a stable path. */
export const routeArguments = '__routeArguments__';
const responsePassthrough = '__responsePassthrough__';
const customMark = '__customRouteArgs__';
const [requestType, responseType, nextType, queryType, headersType] = [0, 1, 2, 4, 6];
/** Session, address, cookies. */
const personalTypes: readonly number[] = [7, 11, 14, 15];
/** The body, as JSON, bytes and files. */
const bodyTypes: readonly number[] = [3, 8, 9, 12];

const remedy =
  'Give the option keyedBy: (request) => [what of it makes a difference], or principal: a function that says who asks.';

/**
 * Refuses an answer that would be shared although it depends on what is not in its key: a query parameter, header, session or address
 * that the handler is injected with, the request itself, what a custom parameter decorator makes of it.
 *
 * @throws InvalidOptionError naming the handler and the option.
 */
export function assertKeyed(target: object, method: string | symbol, options: CachedResponseOptions): void {
  const refuse = (what: string, toDo: string): InvalidOptionError =>
    new InvalidOptionError('@CachedResponse', `${memberName(target, method)} takes ${what}`, toDo);
  const byPrincipal = typeof options.principal === 'function';
  const isCovered = byPrincipal || options.keyedBy !== undefined;
  for (const [type, data] of argumentsOf(target, method)) {
    if (type === responseType || type === nextType) {
      if (Reflect.getMetadata(responsePassthrough, target.constructor, method) === true) continue;
      throw refuse('the response to answer by itself', 'Use @Res({ passthrough: true }) and return the body.');
    }
    if (isCovered && type !== queryType && type !== headersType) continue;
    if (type === undefined) throw refuse('what a custom parameter decorator makes of the request', remedy);
    if (type === requestType) throw refuse('the whole request', remedy);
    if (bodyTypes.includes(type)) throw refuse('the body of the request', remedy);
    if (personalTypes.includes(type)) throw refuse('the session, cookies or address of the client', remedy);
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

/** The parts of the request that the handler takes as a whole, such as by `@Query() query: ListQuery`. */
export function wholeParts(target: object, method: string | symbol): ('query' | 'headers')[] {
  const wholes = argumentsOf(target, method).flatMap(([type, data]) => (data === undefined ? [type] : []));
  return [
    ...(wholes.includes(queryType) ? ['query' as const] : []),
    ...(wholes.includes(headersType) ? ['headers' as const] : []),
  ];
}

/** The type of each injected argument, and which one it asks for by name. `undefined`: a custom decorator makes it. */
function argumentsOf(target: object, method: string | symbol): [type: number | undefined, name: string | undefined][] {
  const metadata: unknown = Reflect.getMetadata(routeArguments, target.constructor, method) ?? {};
  return Object.entries(metadata as Record<string, { readonly data?: unknown }>).map(([key, { data }]) => [
    key.includes(customMark) ? undefined : Number(key.split(':')[0]),
    typeof data === 'string' ? data : undefined,
  ]);
}

function isNamed(name: string, given: readonly string[], option: 'query' | 'headers'): boolean {
  return given.some((known) => (option === 'query' ? known === name : known.toLowerCase() === name.toLowerCase()));
}
