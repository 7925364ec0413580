import { AsyncLocalStorage } from 'node:async_hooks';
import type { CallHandler } from '@nestjs/common';
import type { HttpRequest } from './http-exchange.js';
import { watchMembers } from './watched-members.js';

/** A part of the request that a handler takes as a whole, and the members of it that are in the key. */
export type KeyedPart = readonly [part: 'query' | 'headers', names: readonly string[]];

/** The request that a handler runs for now. */
const answered = new AsyncLocalStorage<HttpRequest>();

/**
 * The handler whose runs see of these parts only what is in the key, pipes and interceptors included: whoever asks with another member can choose
 * neither the answer nor the error of others. Nest takes arguments from the request itself, after interceptors. What isn't part of a run sees all: a
 * refresh goes on while the request is answered.
 *
 * @param makeKey calls the functions of which the key is made: what they read of a request is seen as well.
 */
export function keyedTo(
  parts: readonly KeyedPart[],
  next: CallHandler,
  request: HttpRequest,
  makeKey: () => unknown,
): CallHandler {
  if (parts.length === 0) return next;
  return {
    handle() {
      const watched = parts.map(([part, names]) => ({ part, ...watch(request, part, names) }));
      makeKey();
      for (const { part, whole, seen, end } of watched) {
        end();
        narrow(request, part, whole, seen);
      }
      return answered.run(request, () => next.handle());
    },
  };
}

type Members = Readonly<Record<string | symbol, unknown>>;

/**
 * From now on, the names of what is read are added to those that are seen. A list or a copy of all headers names none, as for `Vary`: what others send would
 * come with them. Of the query, whoever makes the key of all of it means all of it.
 */
function watch(request: HttpRequest, part: 'query' | 'headers', names: readonly string[]) {
  const whole: Members = request[part] ?? {};
  const seen = new Set<string | symbol>(names);
  const { value, end } = watchMembers(whole, (name) => seen.add(name), part === 'headers');
  Object.defineProperty(request, part, { configurable: true, enumerable: true, writable: true, value });
  return { whole, seen, end };
}

function narrow(
  request: HttpRequest,
  part: 'query' | 'headers',
  whole: Members,
  seen: ReadonlySet<string | symbol>,
): void {
  const present = [...seen].filter((name) => Object.hasOwn(whole, name));
  const keyed = Object.fromEntries(present.map((name) => [name, whole[name]]));
  Object.defineProperty(request, part, {
    configurable: true,
    enumerable: true,
    get: () => (answered.getStore() === request ? keyed : whole),
    set(value: unknown) {
      Object.defineProperty(request, part, { value, writable: true });
    },
  });
}
