import type { ServerResponse } from 'node:http';

/** The headers of an answer in the moment they are written: what middleware and hooks have added until then is among them. */
export interface HeadersToGo {
  getHeader(name: string): unknown;
  setHeader(name: string, value: string): unknown;
  removeHeader(name: string): unknown;
}

type Plain = Readonly<Record<string, unknown>>;
type Store = (this: ServerResponse, line: string, headers: unknown) => void;
type Respond = (this: object, headers: unknown, options: unknown) => void;

/** What is used of a response, which Node's declarations don't name for both versions of the protocol. */
interface OfEitherVersion {
  _storeHeader?: Store;
  /** HTTP/2. */
  readonly stream?: { respond?: Respond };
}

/**
 * Has a look at the headers before they are written: session middleware sets its cookie then, and what compresses says so. Node has one place for each version of
 * HTTP that all of them come by; a response without it is not looked at.
 */
export function whenHeadersGo(raw: ServerResponse, correct: (headers: HeadersToGo) => void): void {
  const response = raw as ServerResponse & OfEitherVersion;
  const store = response._storeHeader;
  if (typeof store !== 'function') return whenStreamResponds(response.stream, correct);
  response._storeHeader = function (line, headers) {
    if (!isPlain(headers) || this.getHeaderNames().length > 0) {
      correct(this);
      return store.call(this, line, headers);
    }
    return store.call(this, line, corrected(headers, correct));
  };
}

function whenStreamResponds(stream: OfEitherVersion['stream'], correct: (headers: HeadersToGo) => void): void {
  const respond = stream?.respond;
  if (!stream || typeof respond !== 'function') return;
  stream.respond = function (headers, options) {
    return respond.call(this, isPlain(headers) ? corrected(headers, correct) : headers, options);
  };
}

const isPlain = (headers: unknown): headers is Plain =>
  typeof headers === 'object' && headers !== null && !Array.isArray(headers);

function corrected(headers: Plain, correct: (headers: HeadersToGo) => void): Plain {
  const plain = new PlainHeaders(headers);
  correct(plain);
  return plain.all;
}

/** Those that are given to `writeHead`, or to a stream of HTTP/2, under whatever case of their names. What somebody else made is not changed. */
class PlainHeaders implements HeadersToGo {
  constructor(public all: Plain) {}

  getHeader(name: string): unknown {
    return this.all[this.nameOf(name)];
  }

  setHeader(name: string, value: string): void {
    this.all = { ...this.all, [this.nameOf(name)]: value };
  }

  removeHeader(name: string): void {
    const { [this.nameOf(name)]: _, ...others } = this.all;
    this.all = others;
  }

  private nameOf(name: string): string {
    const lower = name.toLowerCase();
    return Object.keys(this.all).find((one) => one.toLowerCase() === lower) ?? lower;
  }
}
