import { isHeaderName } from './http-exchange.js';
import type { HttpRequest } from './http-exchange.js';
import { watchMembers } from './watched-members.js';

/** Beside these: the host is in each URL, what all objects have is no header, JSON asks each for its `toJSON`, and `*` would be any. */
const isNoHeader = (name: string): boolean =>
  !isHeaderName(name) || ['host', 'toJSON', '*'].includes(name) || name in Object.prototype;

/**
 * Of which headers of one request code of the application makes what tells answers apart, in lower case. Those that are missing count: with one of them, the
 * answer would be another. What lists or copies all headers names none.
 */
export class ReadHeaders {
  readonly names = new Set<string>();

  constructor(private readonly request: HttpRequest) {}

  /** What `read` looks at before it returns is added to the names. On Fastify the headers are those of Node's request, or a copy to which a hook has added. */
  during<R>(read: () => R): R {
    const { request } = this;
    const watches = [request, request.raw].map((owner) => owner && this.watch(owner));
    try {
      return read();
    } finally {
      for (const end of watches) end?.();
    }
  }

  /** @returns what ends it. */
  private watch(owner: Pick<HttpRequest, 'headers'>): () => void {
    const own = Object.getOwnPropertyDescriptor(owner, 'headers');
    const { value, end } = watchMembers(owner.headers, (name) => this.note(name), true);
    Object.defineProperty(owner, 'headers', { configurable: true, enumerable: true, writable: true, value });
    return () => {
      if (own) Object.defineProperty(owner, 'headers', own);
      else Reflect.deleteProperty(owner, 'headers');
      end();
    };
  }

  private note(name: string | symbol): void {
    if (typeof name === 'symbol' || isNoHeader(name)) return;
    this.names.add(name.toLowerCase());
  }
}
