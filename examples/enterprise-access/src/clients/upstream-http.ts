import { UpstreamError } from './upstream-error.js';

export interface UpstreamRequest {
  readonly method?: 'GET' | 'POST';
  readonly body?: unknown;
  /** Gives up before the timeout does. */
  readonly signal?: AbortSignal | undefined;
}

export interface UpstreamAnswer {
  readonly status: number;
  readonly body: unknown;
}

/** JSON over HTTP to one upstream service. Answers of 2xx and 4xx are returned; everything else is an UpstreamError. */
export class UpstreamHttp {
  constructor(
    private readonly service: string,
    private readonly baseUrl: string,
    private readonly timeoutMs: number,
  ) {}

  async send(path: string, { method = 'GET', body, signal }: UpstreamRequest = {}): Promise<UpstreamAnswer> {
    const timeout = AbortSignal.timeout(this.timeoutMs);
    let status: number;
    let text: string;
    try {
      const response = await fetch(this.baseUrl + path, {
        method,
        signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
        ...(body !== undefined && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
      });
      status = response.status;
      text = await response.text();
    } catch (cause) {
      signal?.throwIfAborted();
      const problem = timeout.aborted ? `no answer within ${this.timeoutMs} ms` : 'not reachable';
      throw new UpstreamError(this.service, problem, { cause });
    }
    if (status >= 500) throw new UpstreamError(this.service, `answered ${status}`);
    return { status, body: this.parse(text) };
  }

  private parse(text: string): unknown {
    try {
      return JSON.parse(text);
    } catch (cause) {
      throw new UpstreamError(this.service, 'answered with something that is not JSON', { cause });
    }
  }
}
