import { UnencodableValueError } from '../../value/errors.js';
import { hole } from './hole.js';
import { SplicedDocument, writePieces } from './spliced-document.js';
import type { SplicedPiece } from './spliced-document.js';

/**
 * Builds a document from text and holes, for JSON that is written by hand or where only a part of a string is to be filled:
 * `splicedDocument().literal('{"src":"/i?jwt=').hole(3, uid).literal('"}').build()`.
 */
export function splicedDocument(): SplicedBuilder {
  return new SplicedBuilder();
}

export class SplicedBuilder {
  readonly #pieces: SplicedPiece[] = [];
  #literals: Buffer[] = [];

  /** Bytes of the JSON text as they are to be served. Neighbours are joined into one piece. */
  literal(text: string | Uint8Array): this {
    this.#literals.push(Buffer.from(text as string));
    return this;
  }

  /** A hole; it must stand within a JSON string. See {@link hole} for the parameters. */
  hole(type: number, argument?: string): this {
    this.#endLiteral();
    this.#pieces.push(hole(type, argument));
    return this;
  }

  /** @throws UnencodableValueError when, with its holes filled, it would not be JSON. */
  build(): SplicedDocument {
    this.#endLiteral();
    try {
      return SplicedDocument.parse(writePieces(this.#pieces));
    } catch {
      throw new UnencodableValueError(
        'spliced',
        '$',
        'it is no JSON with holes inside of strings',
        'Check the literals.',
      );
    }
  }

  #endLiteral(): void {
    const literal = Buffer.concat(this.#literals);
    if (literal.length > 0) this.#pieces.push(literal);
    this.#literals = [];
  }
}
