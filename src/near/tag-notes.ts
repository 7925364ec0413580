import type { InvalidatedNames } from '../coherence/invalidated-names.js';
import { tagName } from '../coherence/invalidated-names.js';
import type { TagGenerations } from '../coherence/tag-generations.js';
import { unlessAway } from '../value/unless-away.js';
import type { Note, RequestScope } from './request-scope.js';

/**
 * The present generations of tags, remembered for the request until one is invalidated here or in the feed: what is kept near with the help of
 * an older one would be named no more.
 */
export class TagNotes {
  constructor(
    private readonly scope: RequestScope,
    private readonly names: InvalidatedNames,
    private readonly generations: TagGenerations | undefined,
    /** Whether a load asks. To a load, a note of before it began is a copy that nobody has verified. */
    private readonly isAskedByLoad: () => boolean,
  ) {}

  /** @throws StoreUnavailableError */
  async read(tags: readonly string[]): Promise<ReadonlyMap<string, number>> {
    if (tags.length === 0 || !this.generations) return none;
    const notes = this.scope.current()?.notesOf(this);
    const known = new Map<string, number>();
    const believed = this.isAskedByLoad() ? undefined : notes;
    for (const tag of tags) {
      const note = believed?.get(tag);
      if (note && !this.names.namedSince(tagName(tag), note.position)) known.set(tag, note.number);
    }
    const missing = tags.filter((tag) => !known.has(tag));
    if (missing.length === 0) return known;
    const { position } = this.names;
    for (const { tag, generation } of await this.generations.read(missing)) {
      known.set(tag, generation);
      if (notes) remember(notes, tag, { number: generation, position });
    }
    return known;
  }

  /** As `read`, whatever is remembered: a note is a copy, and says nothing of now. @throws StoreUnavailableError */
  async readAnew(tags: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const notes = this.scope.current()?.notesOf(this);
    for (const tag of tags) notes?.delete(tag);
    return this.read(tags);
  }

  /**
   * Once `read` has failed, the generations of those tags that can be read alone: one that can't be says nothing of the others.
   * @param anew once `readAnew` has.
   */
  async readEach(tags: readonly string[], anew = false): Promise<ReadonlyMap<string, number>> {
    if (tags.length === 1) return none; // it is what has failed
    const readOne = (tag: string) => unlessAway(() => (anew ? this.readAnew([tag]) : this.read([tag])));
    const each = await Promise.all(tags.map(readOne));
    return new Map(each.flatMap((known) => [...(known ?? none)]));
  }
}

/** The most that a request remembers of one cache; the oldest go first. */
const maxNotes = 10_000;

function remember(notes: Map<string, Note>, tag: string, note: Note): void {
  notes.set(tag, note);
  if (notes.size > maxNotes) notes.delete(notes.keys().next().value as string);
}

const none: ReadonlyMap<string, number> = new Map();
