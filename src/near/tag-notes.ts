import type { InvalidatedNames } from '../coherence/invalidated-names.js';
import { tagName } from '../coherence/invalidated-names.js';
import type { TagGenerations } from '../coherence/tag-generations.js';
import type { RequestScope } from './request-scope.js';

/**
 * The present generations of tags, remembered for the request until one is invalidated here or in the feed: what is kept near with the help of
 * an older one would be named no more.
 */
export class TagNotes {
  constructor(
    private readonly scope: RequestScope,
    private readonly names: InvalidatedNames,
    private readonly generations: TagGenerations | undefined,
  ) {}

  /** @throws StoreUnavailableError */
  async read(tags: readonly string[]): Promise<ReadonlyMap<string, number>> {
    if (tags.length === 0 || !this.generations) return none;
    const notes = this.scope.current()?.notesOf(this);
    const known = new Map<string, number>();
    for (const tag of tags) {
      const note = notes?.get(tag);
      if (note && !this.names.namedSince(tagName(tag), note.position)) known.set(tag, note.number);
    }
    const missing = tags.filter((tag) => !known.has(tag));
    if (missing.length === 0) return known;
    const { position } = this.names;
    for (const { tag, generation } of await this.generations.read(missing)) {
      known.set(tag, generation);
      notes?.set(tag, { number: generation, position });
    }
    return known;
  }

  /** As `read`, whatever is remembered: a note is a copy, and says nothing of now. @throws StoreUnavailableError */
  async readAnew(tags: readonly string[]): Promise<ReadonlyMap<string, number>> {
    this.forget(tags);
    return this.read(tags);
  }

  forget(tags: readonly string[]): void {
    const notes = this.scope.current()?.notesOf(this);
    for (const tag of tags) notes?.delete(tag);
  }
}

const none: ReadonlyMap<string, number> = new Map();
