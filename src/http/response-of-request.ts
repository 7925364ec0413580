import { AsyncLocalStorage } from 'node:async_hooks';
import type { HttpRequest, HttpResponse } from './http-exchange.js';

/** Express's requests know their response. */
type WithResponse = HttpRequest & { readonly res?: unknown };

/** The run that is under way here. */
const running = new AsyncLocalStorage<{ readonly request: HttpRequest; readonly response: HttpResponse }>();
const watched = new WeakSet<HttpRequest>();

/**
 * What runs here finds the response of the run at `request.res`. All else finds the real one, such as Express when it sends the answer: a refresh goes on
 * while the request is answered.
 */
export function withResponseOfRun<R>(request: WithResponse, response: HttpResponse, run: () => R): R {
  if (request.res === undefined) return run();
  if (!watched.has(request)) watch(request);
  return running.run({ request, response }, run);
}

function watch(request: WithResponse): void {
  watched.add(request);
  const { res } = request;
  Object.defineProperty(request, 'res', {
    configurable: true,
    enumerable: true,
    get() {
      const run = running.getStore();
      return run?.request === request ? run.response : res;
    },
    set(value: unknown) {
      Object.defineProperty(request, 'res', { value, writable: true });
    },
  });
}
