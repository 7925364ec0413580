import { noTags } from '../codec/envelope.js';
import type { Coherence } from '../coherence/coherence.js';
import { tagName } from '../coherence/invalidated-names.js';
import type { Placed } from '../coherence/placed.js';
import type { TagNotes } from '../near/tag-notes.js';
import type { TagGeneration } from '../value/entry.js';
import { unlessAway } from '../value/unless-away.js';
import { maxInheritedTags } from './load-reads.js';
import type { RunLoad } from './load-start.js';
import type { Wanted } from './wanted.js';

/** The tags of what is loaded, each with the generation that it had when the load began. */
export class LoadTags {
  constructor(
    private readonly coherence: Coherence,
    private readonly notes: TagNotes,
  ) {}

  /** Read again, not taken from what the look-up knew: an invalidation in between belongs to the load. */
  async atStart(tags: readonly string[], placed: Placed | undefined): Promise<readonly TagGeneration[] | undefined> {
    if (!placed) return tags.map((tag) => ({ tag, generation: 0 })); // kept near at most, where tags are dropped by name
    const generations = await unlessAway(() => this.notes.readAnew(tags));
    return generations && tags.map((tag) => ({ tag, generation: generations.get(tag) ?? 0 }));
  }

  /**
   * All tags of the entry: those of the policy, as they stood when the load began, what the loader's reads were tagged with, and what it named
   * itself. A generation that is asked for only now may be one of after an invalidation that the loader has not seen:
   *
   * 1. the loader reads the old row; 2. A changes the row and invalidates the tag; 3. the loader names the tag, whose generation is the new one.
   *
   * So the feed is read after the generation: if it names the tag, the value is not kept; if it does not name it yet, A's tag advances once more.
   */
  async of<V>(
    { tags, placed, policy }: Pick<Wanted<V>, 'tags' | 'placed' | 'policy'>,
    { mark, reads, added }: RunLoad,
  ): Promise<readonly TagGeneration[] | undefined> {
    const inherited = policy.inheritTags ? reads.inheritedFrom(this.coherence) : noTags;
    if (!tags || (added.length === 0 && inherited.length === 0)) return tags;
    const all = new Map(inherited.map(({ tag, generation }) => [tag, generation]));
    const late = added.filter((tag) => !tags.some((own) => own.tag === tag));
    if (late.length > 0) {
      const known = await this.atStart(late, placed);
      const isKnown = known !== undefined && (!placed || (await this.coherence.verify()));
      if (!isKnown || late.some((tag) => this.coherence.names.namedSince(tagName(tag), mark))) reads.taint();
      for (const { tag, generation } of known ?? noTags) all.set(tag, generation);
    }
    for (const { tag, generation } of tags) all.set(tag, Math.min(generation, all.get(tag) ?? Infinity));
    if (all.size > maxInheritedTags) reads.taint();
    return [...all].map(([tag, generation]) => ({ tag, generation })).slice(0, maxInheritedTags);
  }
}
