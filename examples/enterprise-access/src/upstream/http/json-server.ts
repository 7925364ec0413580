import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault, FaultPlan } from './fault-plan.js';
import type { RequestCounter } from './request-counter.js';
import { HttpProblem } from './route.js';
import type { JsonAnswer, Route } from './route.js';

export interface JsonServerOptions {
  readonly routes: readonly Route[];
  readonly faults: FaultPlan;
  readonly requests: RequestCounter;
  /** Milliseconds before each answer, as a real network and database would take. */
  readonly delayMs: number;
}

const maxBodyBytes = 1_000_000;

/** A small HTTP server that speaks JSON and can be told to fail. */
export class JsonServer {
  private readonly server: Server;
  private readonly routes: readonly (Route & { readonly pattern: RegExp })[];

  constructor(private readonly options: JsonServerOptions) {
    this.routes = options.routes.map((route) => ({ ...route, pattern: patternOf(route.path) }));
    this.server = createServer((request, response) => void this.serve(request, response));
    this.server.keepAliveTimeout = 60_000;
  }

  async listen(port: number): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.server.once('error', reject).listen(port, '127.0.0.1', resolve);
    });
    return (this.server.address() as AddressInfo).port;
  }

  /** Lets requests under way finish for a second, then cuts the rest. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    this.server.closeIdleConnections();
    const cut = setTimeout(() => this.server.closeAllConnections(), 1_000);
    await closed;
    clearTimeout(cut);
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://upstream');
    try {
      const body = await readJson(request);
      const [route, params] = this.find(request.method ?? 'GET', url.pathname);
      if (route.steering) return answer(response, route.handle({ params, query: url.searchParams, body }));
      this.options.requests.begin(route, url);
      response.once('close', () => this.options.requests.end());
      const fault = this.options.faults.next(route.method, url.pathname);
      await sleep(this.options.delayMs + (fault?.delayMs ?? 0));
      if (fault?.hold) await this.options.faults.forgotten();
      if (fault && failInstead(fault, response)) return;
      const outcome = route.handle({ params, query: url.searchParams, body });
      if (fault?.loseReply) response.destroy();
      else answer(response, outcome);
    } catch (error) {
      if (error instanceof HttpProblem) return answer(response, error);
      console.error(error);
      answer(response, { status: 500, body: { detail: 'Internal error.' } });
    }
  }

  private find(method: string, pathname: string): [Route, Record<string, string>] {
    for (const route of this.routes) {
      const found = route.method === method ? route.pattern.exec(pathname) : null;
      if (found) return [route, decoded(found.groups ?? {})];
    }
    throw new HttpProblem(404, { detail: 'No such route.' });
  }
}

/** Whether the fault took the answer's place. */
function failInstead(fault: Fault, response: ServerResponse): boolean {
  if (fault.hang) return true;
  if (fault.disconnect) response.destroy();
  else if (fault.status !== undefined) answer(response, { status: fault.status, body: { detail: 'Injected fault.' } });
  else if (fault.body === 'empty') answer(response, { status: 200, body: {} });
  else if (fault.body === 'garbage')
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"results": [');
  else return false;
  return true;
}

function answer(response: ServerResponse, { status, body }: JsonAnswer): void {
  if (response.destroyed) return;
  const bytes = Buffer.from(JSON.stringify(body));
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': bytes.length }).end(bytes);
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBodyBytes) throw new HttpProblem(413, { detail: 'The body is too large.' });
    chunks.push(chunk);
  }
  if (bytes === 0) return undefined;
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch {
    throw new HttpProblem(400, { detail: 'The body is not JSON.' });
  }
}

function patternOf(path: string): RegExp {
  return new RegExp(`^${path.replaceAll(/:(\w+)/g, '(?<$1>[^/]+)')}$`);
}

function decoded(groups: Record<string, string>): Record<string, string> {
  try {
    return Object.fromEntries(Object.entries(groups).map(([name, text]) => [name, decodeURIComponent(text)]));
  } catch {
    throw new HttpProblem(400, { detail: 'The path is not percent-encoded UTF-8.' });
  }
}
