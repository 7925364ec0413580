import type { HttpRequest } from './http-exchange.js';

/** The host is in each URL, and what all objects have is no header. */
const isNoHeader = (name: string): boolean => name === 'host' || name.startsWith(':') || name in Object.prototype;

/**
 * Of which headers of one request code of the application makes what tells answers apart, in lower case. Those that are missing count: with one of them, the
 * answer would be another. What lists or copies all headers names none.
 */
export class ReadHeaders {
  readonly names = new Set<string>();

  constructor(private readonly request: HttpRequest) {}

  /** What `read` looks at before it returns is added to the names. On Fastify the headers are those of Node's request. */
  during<R>(read: () => R): R {
    const owner: Pick<HttpRequest, 'headers'> = this.request.raw ?? this.request;
    const own = Object.getOwnPropertyDescriptor(owner, 'headers');
    const value = this.watched(owner.headers);
    Object.defineProperty(owner, 'headers', { configurable: true, enumerable: true, writable: true, value });
    try {
      return read();
    } finally {
      if (own) Object.defineProperty(owner, 'headers', own);
      else Reflect.deleteProperty(owner, 'headers');
    }
  }

  private watched(headers: HttpRequest['headers']): HttpRequest['headers'] {
    let isListed = false;
    const note = (name: string | symbol): void => {
      if (isListed || typeof name === 'symbol' || isNoHeader(name)) return;
      this.names.add(name.toLowerCase());
    };
    return new Proxy(headers, {
      get(target, name) {
        note(name);
        return target[name as string];
      },
      has(target, name) {
        note(name);
        return name in target;
      },
      getOwnPropertyDescriptor(target, name) {
        note(name);
        return Reflect.getOwnPropertyDescriptor(target, name);
      },
      ownKeys(target) {
        isListed = true;
        return Reflect.ownKeys(target);
      },
    });
  }
}
