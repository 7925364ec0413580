import { ObjectArchivedError, ObjectDeniedError, ObjectNotFoundError } from '../object/object-errors.js';
import type { Clock } from '../value/clock.js';

interface Refusal {
  /** The object that was asked for. */
  readonly key: string;
  readonly error: Error;
}

const maxRefusals = 1_000;

/** What an object store says of an object: no outage, so that it is remembered for a moment. */
const answers = [ObjectNotFoundError, ObjectDeniedError, ObjectArchivedError];

/** Objects that are absent, denied or archived, for a moment: so that a thousand requests for one are not a thousand requests to the store. */
export class RefusedFiles {
  private readonly refusals = new Map<string, Refusal & { readonly until: number }>();
  /** Counted by how ids begin. Of two files that begin alike the purge of one costs the other a request, and no room is needed for each. */
  private readonly purges = new Uint32Array(2 ** 16);
  private gaps = 0;

  constructor(
    private readonly clock: Clock,
    private readonly forMs: number,
  ) {}

  of(id: string): Refusal | undefined {
    const known = this.refusals.get(id);
    if (!known) return undefined;
    if (this.clock.monotonic() < known.until) return known;
    this.refusals.delete(id);
    return undefined;
  }

  /**
   * Remembers what the object store refuses. 1. An object is asked for; 2. it is put, and the file is purged; 3. the answer comes that there is none:
   * nobody remembers it.
   *
   * @throws as `ask`.
   */
  async remembering<T>(id: string, key: string, ask: () => Promise<T>): Promise<T> {
    const mark = this.markOf(id);
    try {
      return await ask();
    } catch (error) {
      if (mark === this.markOf(id) && answers.some((answer) => error instanceof answer)) {
        const [oldest] = this.refusals.keys();
        if (this.refusals.size >= maxRefusals && oldest !== undefined) this.refusals.delete(oldest);
        this.refusals.set(id, { key, error: error as Error, until: this.clock.monotonic() + this.forMs });
      }
      throw error;
    }
  }

  forget(id: string): void {
    this.refusals.delete(id);
    (this.purges[bucketOf(id)] as number)++;
  }

  /** Purges may have been missed. */
  forgetAll(): void {
    this.refusals.clear();
    this.gaps++;
  }

  /** Changes with each purge of the file. */
  private markOf(id: string): number {
    return this.gaps + (this.purges[bucketOf(id)] as number);
  }
}

const bucketOf = (id: string): number => Number.parseInt(id.slice(0, 4), 16);
