import type { ServerResponse } from 'node:http';

/** The headers of an answer in the moment they are written: what middleware and hooks have added until then is among them. */
export interface HeadersToGo {
  getHeader(name: string): unknown;
  setHeader(name: string, value: string): unknown;
}

type Plain = Readonly<Record<string, unknown>>;
type Store = (this: ServerResponse, line: string, headers: unknown) => void;

/**
 * Has a look at the headers before they are written: session middleware sets its cookie then, and what compresses says so. Node has one place that all of
 * them come by; a response without it (HTTP/2) is not looked at.
 */
export function whenHeadersGo(raw: ServerResponse, correct: (headers: HeadersToGo) => void): void {
  const response = raw as ServerResponse & { _storeHeader?: Store };
  const store = response._storeHeader;
  if (typeof store !== 'function') return;
  response._storeHeader = function (line, headers) {
    const isPlain = typeof headers === 'object' && headers !== null && !Array.isArray(headers);
    if (!isPlain || this.getHeaderNames().length > 0) {
      correct(this);
      return store.call(this, line, headers);
    }
    const plain = new PlainHeaders(headers as Plain);
    correct(plain);
    return store.call(this, line, plain.all);
  };
}

/** Those that are given to `writeHead`, under whatever case of their names. What somebody else made is not changed. */
class PlainHeaders implements HeadersToGo {
  constructor(public all: Plain) {}

  getHeader(name: string): unknown {
    return this.all[this.nameOf(name)];
  }

  setHeader(name: string, value: string): void {
    this.all = { ...this.all, [this.nameOf(name)]: value };
  }

  private nameOf(name: string): string {
    const lower = name.toLowerCase();
    return Object.keys(this.all).find((one) => one.toLowerCase() === lower) ?? lower;
  }
}
