import { randomUUID } from 'node:crypto';
import { json } from '../json.js';
import { maxDepth } from '../max-depth.js';
import { Hole } from './hole.js';
import { splicedDocument } from './spliced-builder.js';
import type { SplicedDocument } from './spliced-document.js';

const codec = json();

/**
 * The document of a JSON value in which some strings are `hole(type, argument)`. What JSON doesn't carry is refused as by the
 * codec `json()`.
 *
 * @throws UnencodableValueError naming the path.
 * @example compileSpliced({ uid: 'u1', jwt: hole(2) })
 */
export function compileSpliced(value: unknown): SplicedDocument {
  // A hole is written as a string that occurs nowhere else, and the text is cut there.
  const mark = randomUUID();
  const holes: Hole[] = [];
  const text = Buffer.from(codec.encode(markHoles(value, mark, holes))).toString('utf8');
  const builder = splicedDocument();
  text.split(mark).forEach((literal, index) => {
    const before = holes[index - 1];
    if (before) builder.hole(before.type, before.argument);
    builder.literal(literal);
  });
  return builder.build();
}

/** A copy with marks in place of holes. Too deep is a cycle, or nothing that should be served, which the codec says. All but arrays and plain objects is left for the codec to judge. */
function markHoles(value: unknown, mark: string, holes: Hole[], depth = 0): unknown {
  if (value instanceof Hole) {
    holes.push(value);
    return mark;
  }
  if (typeof value !== 'object' || value === null || depth > maxDepth) return value;
  if (Array.isArray(value)) return value.map((item) => markHoles(item, mark, holes, depth + 1));
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== null && prototype !== Object.prototype) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, property]) => [name, markHoles(property, mark, holes, depth + 1)]),
  );
}
