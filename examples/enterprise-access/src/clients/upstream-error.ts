/** An upstream service did not answer, or with something that is no answer. Clients see 502. */
export class UpstreamError extends Error {
  constructor(
    readonly service: string,
    problem: string,
    options?: ErrorOptions,
  ) {
    super(`${service}: ${problem}`, options);
    this.name = 'UpstreamError';
  }
}
