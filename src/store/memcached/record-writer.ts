import type { Socket } from 'node:net';
import { writeParts } from './write-parts.js';
import type { Part } from './write-parts.js';

/** What a record of TLS carries. */
const maxRecordBytes = 16_384;

/**
 * Writes so that no record of TLS holds the end of a command that began in an earlier one, and another command behind it. memcached before 1.6.39 takes the
 * end of such a body out of OpenSSL, and then waits for its socket, which has nothing more: what came behind it in the record is never carried out.
 */
export function recordWriter(socket: Socket): (parts: readonly Part[]) => void {
  const pieces: (readonly Part[])[] = [];
  let isWriting = false;
  const next = (error?: Error | null): void => {
    const piece = error ? undefined : pieces.shift();
    isWriting = piece !== undefined;
    // What is queued in the socket is merged into common records: the next follows once this one has gone.
    if (piece) writeParts(socket, piece, next);
  };
  return (parts) => {
    pieces.push(...piecesOf(parts));
    if (!isWriting) next();
  };
}

/** Whole commands, as many as a record carries; one that is longer stands alone. */
function piecesOf(parts: readonly Part[]): Part[][] {
  const pieces: Part[][] = [];
  let piece: Part[] = [];
  let pieceBytes = 0;
  for (let from = 0, to = 0; from < parts.length; from = to) {
    let bytes = 0;
    // A text begins a command.
    do bytes += (parts[to++] as Part).length;
    while (to < parts.length && typeof parts[to] !== 'string');
    if (pieceBytes === 0 || pieceBytes + bytes > maxRecordBytes) {
      pieces.push((piece = []));
      pieceBytes = 0;
    }
    piece.push(...parts.slice(from, to));
    pieceBytes += bytes;
  }
  return pieces;
}
