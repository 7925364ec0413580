import { StoreUnavailableError } from '../../value/errors.js';

/** The server understood, and can't or won't. The connection goes on. */
export class RedisServerError extends Error {
  /** The first word of its answer: `WRONGTYPE`, `OOM`, `NOSCRIPT`, `MOVED`. */
  readonly code: string;

  /** @param answer the server's words, which may repeat arguments: these are cut off. */
  constructor(answer: string) {
    super(withoutArguments(answer));
    this.name = 'RedisServerError';
    this.code = isOnItsWay.test(answer) ? 'TRYAGAIN' : (/^[A-Z]+/.exec(answer)?.[0] ?? 'ERR');
  }
}

/** What a script meets where a slot is on its way, and a key that it was not told of is there already: it says ERR of what TRYAGAIN is said of else. */
const isOnItsWay = /^ERR Script attempted to access a non local key/;

/** As a failure of the store. A server that refuses in its own words runs, and is reached: nobody is asked to check that. */
export function redisUnavailable(
  name: string,
  problem: string,
  { cause, ...options }: { readonly cause?: unknown; readonly isRefusal?: boolean; readonly remedy?: string } = {},
): StoreUnavailableError {
  return new StoreUnavailableError(name, problem.replace(/\.$/, ''), {
    ...(cause !== undefined && { cause }),
    ...((cause instanceof RedisServerError || refusalBehind(cause)) && { remedy: 'The server itself says so.' }),
    ...options,
  });
}

/** The server's answer that this failure comes from, if it comes from one. */
export const refusalBehind = (error: unknown): RedisServerError | undefined =>
  error instanceof StoreUnavailableError && error.cause instanceof RedisServerError ? error.cause : undefined;

/** The first word of that answer. */
export const refusalCode = (error: unknown): string | undefined => refusalBehind(error)?.code;

/** It has no memory left; fewer replicas than `min-replicas-to-write`; a snapshot that failed, with `stop-writes-on-bgsave-error`. It is well, and answers reads. */
export const takesNoWrites = new Set(['OOM', 'NOREPLICAS', 'MISCONF']);

export const isFull = (error: unknown): boolean => refusalCode(error) === 'OOM';

export const refusesWrites = (error: unknown): boolean => takesNoWrites.has(refusalCode(error) ?? '');

/** Refused as a write while nothing proves what the server holds: it is not read either. */
export class UnsettledError extends RedisServerError {}

/** `ERR unknown command 'X', with args beginning with: 'secret'` and the like. */
function withoutArguments(answer: string): string {
  const [line = ''] = answer.split(/[\r\n]|, with args|, called with|: '/, 1);
  return line.slice(0, 160);
}
