import { describeAsMarkdown } from './catalogue-markdown.js';
import type { KeyClassDescription, KeyClassFacts } from './key-class-facts.js';
import { overlappingPairs, refusePairs } from './key-overlap.js';
import type { ObjectClassDescription, ObjectClassFacts } from './object-class.js';

/** A class of keys of the cache, or of an object store. */
type ClassFacts = KeyClassFacts | ObjectClassFacts;

/**
 * All key classes of an application, and its classes of objects: its documentation of what is cached where, for how long, in which bytes, and what
 * stands in the object store.
 */
export class Catalogue {
  readonly #classes: readonly KeyClassFacts[];
  readonly #objects: readonly ObjectClassFacts[];

  /**
   * @param classes of keys and of objects, in any order.
   * @throws InvalidOptionError listing the pairs of patterns that can produce the same key, a pattern defined twice among them.
   */
  constructor(classes: Iterable<ClassFacts>) {
    const sorted = [...classes].sort((one, other) => compareTexts(one.pattern, other.pattern));
    this.#classes = sorted.filter((facts): facts is KeyClassFacts => !isOfObjects(facts));
    this.#objects = sorted.filter(isOfObjects);
    // Keys of the cache and of objects live in different places and never meet.
    refusePairs('catalogue', [...overlappingPairs(this.#classes), ...overlappingPairs(this.#objects)]);
  }

  /**
   * What is known of each class, sorted by pattern, first those of keys and then those of objects, whose `kind` says so. Serializes to the same JSON
   * on every host.
   */
  toJSON(): readonly (KeyClassDescription | ObjectClassDescription)[] {
    return [...this.#classes, ...this.#objects].map((facts) => facts.describe());
  }

  /** The catalogue for people. The same text on every host, so that it can be committed and compared. */
  toMarkdown(): string {
    return describeAsMarkdown(
      this.#classes.map((facts) => facts.describe()),
      this.#objects.map((facts) => facts.describe()),
    );
  }

  get size(): number {
    return this.#classes.length + this.#objects.length;
  }
}

function isOfObjects(facts: ClassFacts): facts is ObjectClassFacts {
  return 'kind' in facts;
}

/** By code unit: a locale's order would differ between hosts. */
function compareTexts(one: string, other: string): number {
  return one < other ? -1 : Number(one > other);
}
