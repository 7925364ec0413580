import { isUtf8 } from 'node:buffer';
import { isPromiseLike } from '../../value/promise-like.js';
import { FillerError } from './filler-error.js';
import type { Hole } from './hole.js';
import { RenderedDocument } from './rendered-document.js';
import { SplicedDocument } from './spliced-document.js';
import { isVerbatim } from './verbatim.js';

/**
 * What goes into a hole: text, or its UTF-8 bytes. It is escaped as the content of a JSON string, so quotes and control characters
 * arrive as they are and can't end the string.
 *
 * @param argument the hole's argument.
 */
export type Filler = (argument: string) => Fill | PromiseLike<Fill>;

export type Fill = string | Uint8Array;

/** A filler for each type of hole that the document has. */
export type Fillers = Readonly<Record<number, Filler>>;

/**
 * The document with its holes filled. Asynchronous fillers run at the same time.
 *
 * @param document bytes are checked to be a document of JSON first; a {@link SplicedDocument} has been.
 * @throws UndecodableError for bytes that are no document; FillerError when a hole has no filler, or its filler fails or gives
 * anything but text. Either way before there is a first byte.
 */
export async function renderSpliced(
  document: SplicedDocument | Uint8Array,
  fillers: Fillers,
): Promise<RenderedDocument> {
  const { literals, ownHoles: holes } =
    document instanceof SplicedDocument ? document : SplicedDocument.parse(document);
  const given = callFillers(holes, fillers);
  const texts = given.some(isPromiseLike) ? await Promise.all(given.map(settle, holes)) : (given as string[]);
  return new RenderedDocument(concatenate(literals, escapeAll(texts)));
}

/** What the fillers gave, in the order of the holes. */
function callFillers(holes: readonly Hole[], fillers: Fillers): (string | PromiseLike<Fill>)[] {
  const given: (string | PromiseLike<Fill>)[] = [];
  for (const hole of holes) {
    try {
      const fill = fillerOf(hole, fillers)(hole.argument);
      given.push(typeof fill === 'string' || isPromiseLike(fill) ? fill : textOf(hole, fill));
    } catch (cause) {
      // Those under way have nobody left to tell.
      for (const one of given) if (isPromiseLike(one)) one.then(undefined, () => undefined);
      throw failed(hole, cause);
    }
  }
  return given;
}

async function settle(this: readonly Hole[], given: Fill | PromiseLike<Fill>, index: number): Promise<string> {
  const hole = this[index] as Hole;
  try {
    return textOf(hole, await given);
  } catch (cause) {
    throw failed(hole, cause);
  }
}

function textOf(hole: Hole, fill: unknown): string {
  if (typeof fill === 'string') return fill;
  if (fill instanceof Uint8Array && isUtf8(fill)) return Buffer.from(fill).toString('utf8');
  throw new FillerError(hole.type, 'was given neither text nor UTF-8 bytes', 'Return a string or a Buffer.');
}

/** The content of JSON strings, each character standing for one byte of UTF-8. */
function escapeAll(texts: readonly string[]): readonly string[] {
  return isVerbatim(texts.join('')) ? texts : texts.map(escape);
}

function escape(text: string): string {
  return isVerbatim(text) ? text : Buffer.from(JSON.stringify(text).slice(1, -1), 'utf8').toString('latin1');
}

function concatenate(literals: readonly string[], fills: readonly string[]): Buffer {
  let whole = literals[0] as string;
  for (let index = 0; index < fills.length; index++) {
    whole += (fills[index] as string) + (literals[index + 1] as string);
  }
  const bytes = Buffer.allocUnsafe(whole.length); // Buffer.from(whole, 'latin1') copies twice in Node 20
  bytes.write(whole, 'latin1');
  return bytes;
}

function fillerOf(hole: Hole, fillers: Fillers): Filler {
  const filler: unknown = fillers[hole.type];
  if (typeof filler === 'function') return filler as Filler;
  throw new FillerError(hole.type, 'has no filler', 'Give a filler for every type that the document has.');
}

function failed(hole: Hole, cause: unknown): FillerError {
  if (cause instanceof FillerError) return cause;
  return new FillerError(hole.type, 'could not be filled', 'See the cause.', { cause });
}
