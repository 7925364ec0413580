import { AsyncLocalStorage } from 'node:async_hooks';
import type { CallHandler } from '@nestjs/common';
import type { HttpRequest } from './http-exchange.js';

/** A part of the request that a handler takes as a whole, and the members of it that are in the key. */
export type KeyedPart = readonly [part: 'query' | 'headers', names: readonly string[]];

/** The request that a handler runs for now. */
const answered = new AsyncLocalStorage<HttpRequest>();

/**
 * The handler whose runs see of these parts only what is in the key, pipes and interceptors included: whoever asks with another member can choose
 * neither the answer nor the error of others. Nest takes arguments from the request itself, after interceptors. What isn't part of a run sees all: a
 * refresh goes on while the request is answered.
 */
export function keyedTo(parts: readonly KeyedPart[], next: CallHandler, request: HttpRequest): CallHandler {
  if (parts.length === 0) return next;
  return {
    handle() {
      for (const [part, names] of parts) narrow(request, part, names);
      return answered.run(request, () => next.handle());
    },
  };
}

function narrow(request: HttpRequest, part: 'query' | 'headers', names: readonly string[]): void {
  const whole: Readonly<Record<string, unknown>> = request[part] ?? {};
  const present = names.filter((name) => Object.hasOwn(whole, name));
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
