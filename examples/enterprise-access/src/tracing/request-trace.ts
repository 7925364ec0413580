import { AsyncLocalStorage } from 'node:async_hooks';

/** Look-ups of content versions happen in every request and would hide what is of interest. */
const unlisted = /^content_modified:/;

/** What one request asked of the cache and where the answers came from. */
export class RequestTrace {
  private readonly counts = new Map<string, number>();

  /** @param source a tier, or `load`, `joined load`, `lock`. */
  note(source: string, key: string): void {
    if (!unlisted.test(key)) this.counts.set(source, (this.counts.get(source) ?? 0) + 1);
  }

  /** `process`, or `memcached 3, load 2`; `none` when the cache was not asked. */
  toString(): string {
    const total = [...this.counts.values()].reduce((sum, count) => sum + count, 0);
    const parts = [...this.counts].map(([source, count]) => (total === 1 ? source : `${source} ${count}`));
    return parts.join(', ') || 'none';
  }
}

const current = new AsyncLocalStorage<RequestTrace>();

export const runTraced = <R>(trace: RequestTrace, work: () => R): R => current.run(trace, work);

export const currentTrace = (): RequestTrace | undefined => current.getStore();
