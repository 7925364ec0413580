import type { Socket } from 'node:net';
import { joinParts } from './join-parts.js';

/** A command's line with its CR LF; or, after that, the command's body and its CR LF. */
export type Part = string | Uint8Array;

/** All in one write. @param written is called once the system has taken it, with an error where it did not. */
export function writeParts(socket: Socket, parts: readonly Part[], written?: (error?: Error | null) => void): void {
  if (parts.every((part) => typeof part === 'string')) {
    socket.write(parts.join(''), 'latin1', written);
    return;
  }
  const chunks = joinParts(parts);
  const last = chunks.pop() as Uint8Array;
  socket.cork();
  for (const chunk of chunks) socket.write(chunk);
  socket.write(last, written);
  socket.uncork();
}
