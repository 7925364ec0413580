import { feedName } from '../coherence/coherence.js';
import type { Trust } from '../coherence/trust.js';
import { textOfId } from '../key/key.js';
import { InvalidOptionError } from '../value/errors.js';
import { lastingText } from '../value/lasting-text.js';
import { createBoundedMap } from './eviction/create-bounded-map.js';
import type { Eviction } from './eviction/create-bounded-map.js';
import { assertCount } from './eviction/bounded-map.js';
import type { BoundedMap } from './eviction/bounded-map.js';
import type { NearCopy } from './near-copy.js';

export interface ProcessTierOptions {
  /** Entries before some go. 1 to 16,777,216, for each of which `'lru'` takes 36 bytes at once. Default 10,000. */
  readonly maxEntries?: number;
  /** Bytes of encoded values, keys, tags and versions, and 200 for each entry and 256 for each of its tags, before some go. Default 64 MiB. */
  readonly maxBytes?: number;
  /**
   * Which go: `'adaptive'`, those that are least likely to be used again, by how often and how lately they were used; or `'lru'`, the least
   * recently used. Default `'adaptive'`.
   */
  readonly eviction?: Eviction;
}

/** What the process tier is told by its cache. */
export interface ProcessTierSetting {
  /** From 0 to below 1. */
  readonly random: () => number;
  /** A copy went to make room. */
  readonly onEvicted?: () => void;
}

/** Decoded copies of this process, within their bounds. A hit costs one look-up: no copy, no parse, no timer. */
export class ProcessTier {
  private readonly copies: BoundedMap<NearCopy>;
  /** The ids of tagged copies, by tag: most entries have none and cost nothing here. */
  private readonly idsByTag = new Map<string, Set<string>>();
  /** The ids of copies by what the feed calls their keys, where that is not the text: those of long keys. */
  private readonly idsByAlias = new Map<string, string>();

  constructor(
    { maxEntries = 10_000, maxBytes = 64 * 2 ** 20, eviction = 'adaptive' }: ProcessTierOptions,
    { random, onEvicted }: ProcessTierSetting,
  ) {
    assertCount('process.maxEntries', maxEntries, remedy);
    assertCount('process.maxBytes', maxBytes, remedy);
    if (maxEntries > mostEntries) {
      const bound = `Give 1 to ${mostEntries}, and bound the rest by process.maxBytes.`;
      throw new InvalidOptionError('process.maxEntries', `${maxEntries} are more than a Map holds`, bound);
    }
    this.copies = createBoundedMap<NearCopy>(eviction, {
      maxEntries,
      maxBytes,
      random,
      onEvicted: (id, copy) => {
        this.forgetNames(copy, id);
        onEvicted?.();
      },
    });
  }

  /** The copy, however old and whether believed or not: the caller judges. A use. */
  get(id: string): NearCopy | undefined {
    return this.copies.get(id);
  }

  /** As `get`, and no use. */
  peek(id: string): NearCopy | undefined {
    return this.copies.peek(id);
  }

  /**
   * Keeps the copy, unless it is not worth its place: then nothing is kept under this id.
   * @param alias what the feed calls the key, where that is not its text.
   */
  set(given: string, copy: NearCopy, alias?: string): void {
    const id = lastingText(given);
    const former = this.copies.peek(id);
    if (former) this.forgetNames(former, id);
    if (!this.copies.set(id, copy, copy.sizeBytes + id.length)) return;
    if (alias !== undefined) this.idsByAlias.set(alias, id);
    for (const { tag } of copy.tags) {
      const ids = this.idsByTag.get(tag);
      if (ids) ids.add(id);
      else this.idsByTag.set(tag, new Set([id]));
    }
  }

  delete(id: string): boolean {
    const copy = this.copies.delete(id);
    if (copy) this.forgetNames(copy, id);
    return copy !== undefined;
  }

  /** Drops the copy whose key the feed calls so. */
  deleteAlias(alias: string): boolean {
    const id = this.idsByAlias.get(alias);
    return id !== undefined && this.delete(id);
  }

  deleteTagged(tag: string): number {
    const ids = [...(this.idsByTag.get(tag) ?? [])];
    for (const id of ids) this.delete(id);
    return ids.length;
  }

  /** Drops the copies that a gap in one shard's feed could have named. */
  deleteCovered(trust: Trust): number {
    let dropped = 0;
    for (const [id, copy] of this.copies.entries()) {
      if (!copy.trust.covers(trust)) continue;
      this.delete(id);
      dropped++;
    }
    return dropped;
  }

  clear(): void {
    this.copies.clear();
    this.idsByTag.clear();
    this.idsByAlias.clear();
  }

  private forgetNames(copy: NearCopy, id: string): void {
    if (this.idsByAlias.size > 0) this.idsByAlias.delete(feedName(textOfId(id)));
    for (const { tag } of copy.tags) {
      const ids = this.idsByTag.get(tag);
      ids?.delete(id);
      if (ids?.size === 0) this.idsByTag.delete(tag);
    }
  }
}

/** Of a `Map`, which throws at the next. */
const mostEntries = 2 ** 24;
const remedy = 'Give a whole number of 1 or more, or process: false.';
