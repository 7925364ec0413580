import { isHeaderName } from './http-exchange.js';
import type { HttpRequest } from './http-exchange.js';

type Name = string | symbol;

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
    const listing = new Listing((name) => this.note(name));
    const value = this.watched(owner.headers, listing);
    Object.defineProperty(owner, 'headers', { configurable: true, enumerable: true, writable: true, value });
    return () => {
      if (own) Object.defineProperty(owner, 'headers', own);
      else Reflect.deleteProperty(owner, 'headers');
      listing.end();
    };
  }

  private watched(headers: HttpRequest['headers'], listing: Listing): HttpRequest['headers'] {
    const note = (name: Name): void => this.note(name);
    return new Proxy(headers, {
      get(target, name) {
        if (!listing.asksForValue(name)) note(name);
        return target[name as string];
      },
      has(target, name) {
        note(name);
        return name in target;
      },
      getOwnPropertyDescriptor(target, name) {
        if (!listing.asksForDescriptor(name)) note(name);
        return Reflect.getOwnPropertyDescriptor(target, name);
      },
      ownKeys: (target) => listing.begin(Reflect.ownKeys(target)),
    });
  }

  private note(name: Name): void {
    if (typeof name === 'symbol' || isNoHeader(name)) return;
    this.names.add(name.toLowerCase());
  }
}

/**
 * Whoever lists or copies an object asks for its names, once for the descriptor of each, and for all values: each right after its descriptor, as a spread does, or
 * in order after all descriptors, as JSON does.
 */
class Listing {
  private names: readonly Name[] = [];
  private readonly undescribed = new Set<Name>();
  private described: Name | undefined = undefined;
  private isSpread = false;
  private readInOrder = 0;

  constructor(private readonly note: (name: Name) => void) {}

  begin(names: Name[]): Name[] {
    this.end();
    this.names = names;
    for (const name of names) this.undescribed.add(name);
    this.isSpread = true;
    this.readInOrder = 0;
    return names;
  }

  asksForDescriptor(name: Name): boolean {
    if (this.described !== undefined) this.isSpread = false;
    this.described = name;
    return this.undescribed.delete(name);
  }

  asksForValue(name: Name): boolean {
    const isSpread = this.isSpread && this.described === name;
    this.described = undefined;
    if (isSpread) return true;
    if (this.names[this.readInOrder] !== name) return false;
    this.readInOrder++;
    return true;
  }

  /** Values that were read in order were not listed unless all were. */
  end(): void {
    if (this.readInOrder < this.names.length) this.names.slice(0, this.readInOrder).forEach(this.note);
  }
}
