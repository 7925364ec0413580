import type { FileHandle } from 'node:fs/promises';

/** As much as one read hands on. */
export const pieceBytes = 128 * 2 ** 10;

/** Writes all of it. @throws what the file system says. */
export async function writeAt(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    const { bytesWritten } = await file.write(bytes, at, bytes.length - at, position + at);
    at += bytesWritten;
  }
}
