import type { IncomingHttpHeaders } from 'node:http';

/** What Express and Fastify requests have in common, as far as it is needed here. */
export interface HttpRequest {
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly query?: Readonly<Record<string, unknown>>;
  readonly hosts?: Readonly<Record<string, unknown>>;
  /** What a guard found out about who asks. */
  readonly user?: unknown;
  /** Express. */
  readonly route?: { readonly path?: unknown };
  /** Fastify. */
  readonly routeOptions?: { readonly url?: unknown };
}

/** An Express response or a Fastify reply. */
export interface HttpResponse {
  statusCode: number;
  readonly headersSent?: boolean;
  /** A Fastify reply that was sent. */
  readonly sent?: boolean;
  /** Fastify's way to the response of node. */
  readonly raw?: unknown;
  status(code: number): this;
  header(name: string, value: unknown): this;
  send(body?: unknown): unknown;
  getHeader(name: string): unknown;
  getHeaders(): Record<string, unknown>;
}

/** The path as it was declared, `/courses/:slug`. */
export function routeOf({ route, routeOptions }: HttpRequest): string {
  const path = routeOptions?.url ?? route?.path;
  return typeof path === 'string' ? path : '';
}

export const isFastify = (response: HttpResponse): boolean => 'raw' in response;

export const isSent = (response: HttpResponse): boolean => response.headersSent === true || response.sent === true;

/** Adds names to the `Vary` header that are not there yet. */
export function varyBy(response: HttpResponse, names: readonly string[]): void {
  if (names.length === 0) return;
  const present = splitNames(response.getHeader('vary'));
  const lower = new Set(present.map((name) => name.toLowerCase()));
  if (lower.has('*')) return;
  response.header('Vary', [...present, ...names.filter((name) => !lower.has(name.toLowerCase()))].join(', '));
}

/** The names of a header that lists some. */
export function splitNames(header: unknown): string[] {
  const text = Array.isArray(header) ? header.join(',') : typeof header === 'string' ? header : '';
  return text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name.length > 0);
}
