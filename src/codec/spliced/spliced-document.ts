import { isUtf8 } from 'node:buffer';
import { inspect } from 'node:util';
import { UndecodableError } from '../../value/errors.js';
import { lastingCopy } from '../../value/lasting-copy.js';
import { Hole, hole, literalType } from './hole.js';

/** `structure`: the lengths add up and arguments are UTF-8. `json`: also, filled with any text, it is JSON. */
export type SplicedCheck = 'structure' | 'json';

/** The bytes of a literal, or a hole. */
export type SplicedPiece = Buffer | Hole;

const headBytes = 5; // uint32 BE length, uint8 type

/**
 * A JSON document with holes in its strings, ready to be served by concatenation. Immutable, so that all readers share one.
 *
 * Its bytes are repeated `(uint32 BE length, uint8 type, value)`: type 1 is literal bytes, every other type is a hole with its
 * argument in UTF-8. `{"uid":"u1","jwt":"` hole 2 `"}` is
 * `00000013 01 7b22756964223a227531222c226a7774223a22 · 00000000 02 · 00000002 01 227d`.
 */
export class SplicedDocument {
  readonly #bytes: Buffer;

  /** @internal The text before, between and after the holes, one more than these; each character stands for one byte of UTF-8. */
  readonly literals: readonly string[];

  /** @internal The holes in their order; must not be handed out. */
  readonly ownHoles: readonly Hole[];

  private constructor(bytes: Buffer, { literals, holes }: Pieces) {
    this.#bytes = bytes;
    this.literals = literals;
    this.ownHoles = holes;
  }

  /**
   * The document of these bytes, which are copied.
   *
   * @param check Default `json`, which parses once. `structure` is right for bytes whose wholeness was checked otherwise, as an
   * entry's checksum does.
   * @throws UndecodableError for bytes that are no such document.
   */
  static parse(bytes: Uint8Array, check: SplicedCheck = 'json'): SplicedDocument {
    const copy = lastingCopy(bytes);
    const pieces = readPieces(copy.toString('latin1'));
    if (check === 'json') assertJson(pieces.literals);
    return new SplicedDocument(copy, pieces);
  }

  /** The size of the document as stored, in bytes. */
  get byteLength(): number {
    return this.#bytes.length;
  }

  /** What there is to fill, in order. */
  get holes(): readonly Hole[] {
    return this.ownHoles.map(({ type, argument }) => hole(type, argument));
  }

  /** A copy of the bytes as stored. */
  toBuffer(): Buffer {
    return Buffer.from(this.#bytes);
  }

  /** The content stays out of logs. */
  toJSON(): object {
    return { bytes: this.byteLength, holes: this.ownHoles.length };
  }

  [inspect.custom](): string {
    return `SplicedDocument { ${this.byteLength} bytes, ${this.ownHoles.length} holes }`;
  }
}

/** The bytes of a document of these pieces, in their order. */
export function writePieces(pieces: readonly SplicedPiece[]): Buffer {
  return Buffer.concat(
    pieces.flatMap((piece) => {
      const [type, value] = piece instanceof Hole ? [piece.type, Buffer.from(piece.argument)] : [literalType, piece];
      const head = Buffer.allocUnsafe(headBytes);
      head.writeUInt32BE(value.length, 0);
      head[4] = type;
      return [head, value];
    }),
  );
}

interface Pieces {
  readonly literals: readonly string[];
  readonly holes: readonly Hole[];
}

/** @param bytes a character for each byte: slices of one text cost a fraction of views of a Buffer. */
function readPieces(bytes: string): Pieces {
  if (bytes.length === 0) throw new UndecodableError('An empty spliced document.');
  const literals = [''];
  const holes: Hole[] = [];
  for (let at = 0; at < bytes.length;) {
    const start = at + headBytes;
    const end = start > bytes.length ? Infinity : start + readLength(bytes, at);
    if (end > bytes.length) throw new UndecodableError('A spliced document ends within a piece.');
    const type = bytes.charCodeAt(at + 4);
    const value = bytes.slice(start, end);
    if (type === literalType) literals[holes.length] += value;
    else {
      holes.push(new Hole(type, readArgument(value)));
      literals.push('');
    }
    at = end;
  }
  return { literals, holes };
}

function readLength(bytes: string, at: number): number {
  const low = (bytes.charCodeAt(at + 1) << 16) | (bytes.charCodeAt(at + 2) << 8) | bytes.charCodeAt(at + 3);
  return bytes.charCodeAt(at) * 0x1000000 + low; // shifting the first would make it negative
}

function readArgument(value: string): string {
  if (!/[\x80-\xff]/.test(value)) return value;
  const bytes = Buffer.from(value, 'latin1');
  if (!isUtf8(bytes)) throw new UndecodableError("A hole's argument is not UTF-8.");
  return bytes.toString('utf8');
}

/**
 * A letter in each hole makes JSON only if every hole is inside a string, not within an escape, and not within a character: then
 * any escaped text does.
 */
function assertJson(literals: readonly string[]): void {
  const filled = Buffer.from(literals.join('x'), 'latin1');
  if (!isUtf8(filled)) throw new UndecodableError('A spliced document is not UTF-8.');
  try {
    JSON.parse(filled.toString('utf8'));
  } catch (cause) {
    throw new UndecodableError('A spliced document would not be JSON.', { cause });
  }
}
