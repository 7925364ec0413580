import { LRUCache } from 'lru-cache';
import { InvalidOptionError } from '../value/errors.js';
import type { NearCopy } from './near-copy.js';
import type { Trust } from '../coherence/trust.js';

export interface ProcessTierOptions {
  /** Entries before the least recently used go. Default 10,000. */
  readonly maxEntries?: number;
  /** Bytes of encoded values and keys before the least recently used go. Default 64 MiB. */
  readonly maxBytes?: number;
}

/** Decoded copies of this process, least recently used out first. A hit costs one look-up: no copy, no parse, no timer. */
export class ProcessTier {
  private readonly copies: LRUCache<string, NearCopy>;
  /** The ids of tagged copies, by tag: most entries have none and cost nothing here. */
  private readonly idsByTag = new Map<string, Set<string>>();

  private readonly idsByAlias = new Map<string, string>();

  constructor({ maxEntries = 10_000, maxBytes = 64 * 2 ** 20 }: ProcessTierOptions, onEvicted?: () => void) {
    assertCount('process.maxEntries', maxEntries);
    assertCount('process.maxBytes', maxBytes);
    this.copies = new LRUCache<string, NearCopy>({
      max: maxEntries,
      maxSize: maxBytes,
      sizeCalculation: (copy, id) => copy.sizeBytes + id.length,
      dispose: (copy, id, reason) => {
        if (copy.tags.length > 0 && reason !== 'set') this.forgetTags(copy, id);
        if (copy.alias !== undefined && reason !== 'set') this.idsByAlias.delete(copy.alias);
        if (reason === 'evict') onEvicted?.();
      },
    });
  }

  /** The copy, however old and whether believed or not: the caller judges. */
  get(id: string): NearCopy | undefined {
    return this.copies.get(id);
  }

  /** As `get`, and no use. */
  peek(id: string): NearCopy | undefined {
    return this.copies.peek(id);
  }

  set(id: string, copy: NearCopy): void {
    const former = this.copies.peek(id);
    if (former && former.tags.length > 0) this.forgetTags(former, id);
    this.copies.set(id, copy);
    if (copy.alias !== undefined && this.copies.has(id)) this.idsByAlias.set(copy.alias, id);
    for (const { tag } of copy.tags) {
      if (!this.copies.has(id)) return; // larger than the whole tier: it was not kept
      const ids = this.idsByTag.get(tag);
      if (ids) ids.add(id);
      else this.idsByTag.set(tag, new Set([id]));
    }
  }

  delete(id: string): boolean {
    return this.copies.delete(id);
  }

  /** Drops the copy whose key the feed calls so. */
  deleteAlias(alias: string): boolean {
    const id = this.idsByAlias.get(alias);
    return id !== undefined && this.copies.delete(id);
  }

  deleteTagged(tag: string): number {
    const ids = [...(this.idsByTag.get(tag) ?? [])];
    for (const id of ids) this.copies.delete(id);
    return ids.length;
  }

  /** Drops the copies that a gap in one shard's feed could have named. */
  deleteCovered(trust: Trust): number {
    let dropped = 0;
    for (const [id, copy] of this.copies.entries()) {
      if (!copy.trust.covers(trust)) continue;
      this.copies.delete(id);
      dropped++;
    }
    return dropped;
  }

  clear(): number {
    const dropped = this.copies.size;
    this.copies.clear();
    this.idsByTag.clear();
    this.idsByAlias.clear();
    return dropped;
  }

  get size(): number {
    return this.copies.size;
  }

  get sizeBytes(): number {
    return this.copies.calculatedSize;
  }

  private forgetTags(copy: NearCopy, id: string): void {
    for (const { tag } of copy.tags) {
      const ids = this.idsByTag.get(tag);
      ids?.delete(id);
      if (ids?.size === 0) this.idsByTag.delete(tag);
    }
  }
}

function assertCount(option: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new InvalidOptionError(
      option,
      `${value} is not a count`,
      'Give a whole number of 1 or more, or process: false.',
    );
  }
}
