export interface JsonRequest {
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly body: unknown;
}

export interface JsonAnswer {
  readonly status: number;
  readonly body: unknown;
}

export interface Route {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** `/api/v1/catalogs/:uuid/`; a parameter is one segment, percent-decoded. */
  readonly path: string;
  /** Neither delayed, nor counted, nor made to fail: for those who watch and steer the service. */
  readonly steering?: boolean;
  readonly handle: (request: JsonRequest) => JsonAnswer;
}

/** Thrown by a handler to answer with this status and body. */
export class HttpProblem extends Error {
  constructor(
    readonly status: number,
    readonly body: object,
  ) {
    super(`HTTP ${status}`);
  }
}
