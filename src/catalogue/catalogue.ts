import { InvalidOptionError } from '../value/errors.js';
import { describeAsMarkdown } from './catalogue-markdown.js';
import type { KeyClassDescription, KeyClassFacts } from './key-class-facts.js';
import { canProduceSameKey } from './key-overlap.js';

/** All key classes of an application: its documentation of what is cached where, for how long, in which bytes. */
export class Catalogue {
  readonly #classes: readonly KeyClassFacts[];

  /**
   * @param keyClasses in any order.
   * @throws InvalidOptionError listing the pairs of patterns that can produce the same key, a pattern defined twice among them.
   */
  constructor(keyClasses: Iterable<KeyClassFacts>) {
    this.#classes = [...keyClasses].sort((one, other) => compareTexts(one.pattern, other.pattern));
    const pairs = [...overlappingPairs(this.#classes)];
    if (pairs.length === 0) return;
    const problem = `some patterns can produce the same key: ${pairs.map(([a, b]) => `'${a}' and '${b}'`).join(', ')}`;
    throw new InvalidOptionError(
      'catalogue',
      problem,
      'Change a literal, list the values, or give a parameter matches.',
    );
  }

  /** What is known of each class, sorted by pattern. Serializes to the same JSON on every host. */
  toJSON(): readonly KeyClassDescription[] {
    return this.#classes.map((keyClass) => keyClass.describe());
  }

  /** The catalogue for people. The same text on every host, so that it can be committed and compared. */
  toMarkdown(): string {
    return describeAsMarkdown(this.toJSON());
  }

  get size(): number {
    return this.#classes.length;
  }
}

function* overlappingPairs(classes: readonly KeyClassFacts[]): Generator<[string, string]> {
  for (const [index, one] of classes.entries()) {
    for (const other of classes.slice(index + 1)) {
      if (canProduceSameKey(one.parsed, other.parsed)) yield [one.pattern, other.pattern];
    }
  }
}

/** By code unit: a locale's order would differ between hosts. */
function compareTexts(one: string, other: string): number {
  return one < other ? -1 : Number(one > other);
}
