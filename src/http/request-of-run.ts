import { AsyncLocalStorage } from 'node:async_hooks';
import type { HttpRequest, HttpResponse } from './http-exchange.js';

/** Express's requests know their response. */
type WithResponse = HttpRequest & { readonly res?: unknown };

interface Run {
  readonly request: HttpRequest;
  readonly response: HttpResponse;
}

/** The run that is under way here. */
const running = new AsyncLocalStorage<Run>();
const watched = new WeakSet<HttpRequest>();
/** Also Node's own. */
const heads = new WeakSet<object>();

/**
 * What runs here finds the response of the run at `request.res`, and a HEAD is a GET to it: one answer is that of both, and the platform leaves its body out.
 * All else finds what is real, such as Express when it sends the answer: a refresh goes on while the request is answered.
 */
export function withRequestOfRun<R>(request: HttpRequest, response: HttpResponse, run: () => R): R {
  if (!watched.has(request)) watch(request);
  return running.run({ request, response }, run);
}

/** Whether the client has sent a HEAD, whatever runs find. */
export const isHead = (request: Pick<HttpRequest, 'method'>): boolean =>
  request.method === 'HEAD' || heads.has(request);

function watch(request: WithResponse): void {
  watched.add(request);
  if (request.res !== undefined) showToRuns(request, request, 'res', ({ response }) => response);
  for (const one of [request, request.raw]) {
    if (one?.method !== 'HEAD') continue;
    heads.add(one);
    showToRuns(request, one, 'method', () => 'GET');
  }
}

/** @param owner the request, or Node's own below it. */
function showToRuns(request: HttpRequest, owner: object, name: string, shown: (run: Run) => unknown): void {
  const real: unknown = Reflect.get(owner, name);
  Object.defineProperty(owner, name, {
    configurable: true,
    enumerable: true,
    get() {
      const run = running.getStore();
      return run?.request === request ? shown(run) : real;
    },
    set(value: unknown) {
      Object.defineProperty(owner, name, { value, writable: true });
    },
  });
}
