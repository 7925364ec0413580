import { isUtf8 } from 'node:buffer';
import { inspect } from 'node:util';
import { UndecodableError } from '../../value/errors.js';
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

  private constructor(bytes: Buffer, pieces: readonly SplicedPiece[]) {
    this.#bytes = bytes;
    const literals = [''];
    const holes: Hole[] = [];
    for (const piece of pieces) {
      if (piece instanceof Hole) {
        holes.push(piece);
        literals.push('');
      } else literals[holes.length] += piece.toString('latin1');
    }
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
    const copy = Buffer.from(bytes);
    const pieces = readPieces(copy);
    if (check === 'json') assertJson(pieces);
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

function readPieces(bytes: Buffer): SplicedPiece[] {
  if (bytes.length === 0) throw new UndecodableError('An empty spliced document.');
  const pieces: SplicedPiece[] = [];
  for (let at = 0; at < bytes.length;) {
    const start = at + headBytes;
    const end = start > bytes.length ? Infinity : start + bytes.readUInt32BE(at);
    if (end > bytes.length) throw new UndecodableError('A spliced document ends within a piece.');
    const type = bytes[at + 4] as number;
    if (type === literalType) pieces.push(bytes.subarray(start, end));
    else pieces.push(new Hole(type, readArgument(bytes, start, end)));
    at = end;
  }
  return pieces;
}

function readArgument(bytes: Buffer, start: number, end: number): string {
  const argument = bytes.toString('utf8', start, end);
  // Only a text with the replacement character can have been something else before.
  if (argument.includes('\ufffd') && !isUtf8(bytes.subarray(start, end))) {
    throw new UndecodableError("A hole's argument is not UTF-8.");
  }
  return argument;
}

const probe = Buffer.from('x');

/**
 * A letter in each hole makes JSON only if every hole is inside a string, not within an escape, and not within a character: then
 * any escaped text does.
 */
function assertJson(pieces: readonly SplicedPiece[]): void {
  const filled = Buffer.concat(pieces.map((piece) => (piece instanceof Hole ? probe : piece)));
  if (!isUtf8(filled)) throw new UndecodableError('A spliced document is not UTF-8.');
  try {
    JSON.parse(filled.toString('utf8'));
  } catch (cause) {
    throw new UndecodableError('A spliced document would not be JSON.', { cause });
  }
}
