import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';

/** What Express and Fastify requests have in common, as far as it is needed here. */
export interface HttpRequest {
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  readonly hostname?: string;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly query?: Readonly<Record<string, unknown>>;
  readonly hosts?: Readonly<Record<string, unknown>>;
  /** What a guard found out about who asks. */
  readonly user?: unknown;
  /** Express. */
  readonly route?: { readonly path?: unknown };
  /** Fastify. */
  readonly routeOptions?: { readonly url?: unknown };
  /** Fastify's way to the request of node. */
  readonly raw?: IncomingMessage;
}

/** An Express response or a Fastify reply. */
export interface HttpResponse {
  statusCode: number;
  readonly headersSent?: boolean;
  /** A Fastify reply that was sent. */
  readonly sent?: boolean;
  /** Fastify's way to the response of node. */
  readonly raw?: ServerResponse;
  status(code: number): this;
  header(name: string, value: unknown): this;
  send(body?: unknown): unknown;
  /** Express. */
  setHeader?(name: string, value: unknown): unknown;
  /** Express. */
  json?(body: unknown): unknown;
  getHeader(name: string): unknown;
  getHeaders(): Record<string, unknown>;
  removeHeader(name: string): unknown;
}

/** The path as it was declared, `/courses/:slug`. */
export function routeOf({ route, routeOptions }: HttpRequest): string {
  const path = routeOptions?.url ?? route?.path;
  return typeof path === 'string' ? path : '';
}

export const isSent = (response: HttpResponse): boolean => response.headersSent === true || response.sent === true;

export const rawResponse = (response: HttpResponse): ServerResponse =>
  response.raw ?? (response as unknown as ServerResponse);

/** Whether a header can have this name (RFC 9110, 5.6.2). */
export const isHeaderName = (name: string): boolean => /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name);

/** Whether a request header says who asks. */
export const isCredential = (name: string): boolean => ['authorization', 'cookie'].includes(name.toLowerCase());

/** Whether the request says who asks: by a credential, or by what a guard found out. */
export function isPersonal({ headers, user }: HttpRequest): boolean {
  return headers.authorization !== undefined || headers.cookie !== undefined || Boolean(user);
}

/** As it is: Express's own `header` looks content types up. */
export function setHeader(response: HttpResponse, name: string, value: unknown): void {
  if (response.setHeader) response.setHeader(name, value);
  else response.header(name, value);
}

/** Also what middleware has set on the raw response of Fastify, of which not every version of its replies knows. */
export function removeHeader(response: HttpResponse, name: string): void {
  response.removeHeader(name);
  response.raw?.removeHeader(name);
}

/**
 * Whether middleware has put functions of its own in the place of Express's `json` or `send`: what they would do to an object is not known
 * here.
 */
export function isPatched(response: HttpResponse): boolean {
  return response.raw === undefined && (Object.hasOwn(response, 'json') || Object.hasOwn(response, 'send'));
}

/** Nest hands every object to Express as JSON (platform-express 12), which would spell out each byte of a Buffer. */
export function sendsBytes(response: HttpResponse): void {
  if (!response.json) return;
  const json = response.json.bind(response);
  response.json = (body: unknown) => (Buffer.isBuffer(body) ? response.send(body) : json(body));
}

/** Adds names to the `Vary` header that are not there yet. */
export function varyBy(response: HttpResponse, names: readonly string[]): void {
  if (names.length === 0) return;
  const given = response.getHeader('vary');
  if (given === undefined) return setHeader(response, 'Vary', names.join(', '));
  const present = splitNames(given);
  const lower = new Set(present.map((name) => name.toLowerCase()));
  if (lower.has('*')) return;
  setHeader(response, 'Vary', [...present, ...names.filter((name) => !lower.has(name.toLowerCase()))].join(', '));
}

/** The names of a header that lists some. */
export function splitNames(header: unknown): string[] {
  const text = Array.isArray(header) ? header.join(',') : typeof header === 'string' ? header : '';
  return text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name.length > 0);
}
