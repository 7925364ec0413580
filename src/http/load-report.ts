import type { CatalogueKey } from '../catalogue/catalogue-key.js';
import type { TieredCache } from '../cache/tiered-cache.js';
import { cacheStatusName } from '../value/cache-status-field.js';
import type { CacheStatusMember } from '../value/cache-status-field.js';
import { LoadNotes } from '../value/load-notes.js';
import type { MissReason } from '../value/lookup.js';
import type { CachedAnswer } from './cached-answer.js';
import type { UnkeptReason } from './kept-headers.js';
import { forwardedFor } from './response-status.js';

/** One for the process, as the events are. */
let notes: LoadNotes | undefined;

/** What a run of the handler is: what others may wait for, what goes on while something is served, or one caller's alone. */
export type RunOf = 'load' | 'refresh' | 'beside';

/** Which answers of one cache are being made now, so that whoever waits for one can be told so. */
export class LoadReport {
  private readonly running = new Map<string, number>();

  constructor(private readonly cache: Pick<TieredCache, 'name' | 'nameOf'>) {
    // Where names are hidden, a key of a route looks like any other.
    notes ??= new LoadNotes((key) => key.startsWith('http') || key.startsWith('~'));
  }

  /** @param text the key's, as it was made of the request. @param shown whether it may be shown. */
  ask(text: string, key: CatalogueKey<CachedAnswer>, shown: boolean): AskedAnswer {
    return new AskedAnswer(this.cache.name, this.running, text, this.cache.nameOf(key), shown ? text : undefined);
  }
}

/** What became of one request's question to the cache, in the words of `Cache-Status`. */
export class AskedAnswer {
  private readonly joined: number | undefined;
  private createdAt: number | undefined = undefined;
  private how: RunOf = 'load';
  private reason: MissReason | undefined = undefined;

  constructor(
    private readonly cache: string,
    private readonly running: Map<string, number>,
    private readonly text: string,
    private readonly name: string,
    private readonly shown: string | undefined,
  ) {
    this.joined = running.get(text);
  }

  /** The handler runs for this request. */
  begin(createdAt: number, how: RunOf): void {
    this.createdAt = createdAt;
    this.how = how;
    if (how !== 'load') return;
    this.reason = notes?.takeMiss(this.cache, this.name);
    this.running.set(this.text, createdAt);
  }

  end(): void {
    if (this.running.get(this.text) === this.createdAt) this.running.delete(this.text);
  }

  /** Whether it was this request's own run that made the answer. */
  isOwn({ head }: CachedAnswer): boolean {
    return this.createdAt !== undefined && this.how !== 'refresh' && head.createdAt === this.createdAt;
  }

  answered(answer: CachedAnswer, leftMs: number): CacheStatusMember {
    const { createdAt, freshUntil } = answer.head;
    const ttl = Math.floor(leftMs / 1_000);
    if (this.isOwn(answer)) {
      const refusal = this.how === 'beside' ? 'unkept' : notes?.takeRefusal(this.cache, this.name);
      const stored = refusal === undefined && freshUntil > createdAt;
      return this.member({ ...this.forwarded, fwdStatus: 200, ...(stored && { ttl, stored }) }, this.reason, refusal);
    }
    if (this.joined !== undefined && createdAt === this.joined) {
      return this.member({ fwd: 'miss', fwdStatus: 200, ttl, collapsed: true });
    }
    return this.member({ hit: true, ttl }, ttl < 0 ? 'stale' : undefined);
  }

  /** @param reason `undefined`: the run was another request's, and this one is given a run of its own beside the cache. */
  unkept(reason: UnkeptReason | undefined, fwdStatus: number): CacheStatusMember {
    return reason === undefined
      ? this.member({ fwd: 'miss' }, 'unkept')
      : this.member({ ...this.forwarded, fwdStatus }, this.reason, `unkept:${reason}`);
  }

  failed(fwdStatus: number | undefined): CacheStatusMember {
    return this.member({ ...this.forwarded, ...(fwdStatus !== undefined && { fwdStatus }) }, this.reason, 'failed');
  }

  private get forwarded(): { readonly fwd: NonNullable<CacheStatusMember['fwd']> } {
    return { fwd: forwardedFor(this.reason) };
  }

  private member(facts: Omit<CacheStatusMember, 'cache'>, ...details: (string | undefined)[]): CacheStatusMember {
    const detail = details.filter((one) => one !== undefined).join(', ');
    return {
      cache: cacheStatusName(this.cache),
      ...facts,
      ...(this.shown !== undefined && { key: this.shown }),
      ...(detail !== '' && { detail }),
    };
  }
}
