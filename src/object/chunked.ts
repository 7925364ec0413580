/** The same bytes in pieces of exactly `size`, but for the last. Copies: a source may use its buffers again. */
export async function* chunked(source: AsyncIterable<Buffer>, size: number): AsyncGenerator<Buffer, void, undefined> {
  let held: Buffer[] = [];
  let heldBytes = 0;
  for await (const piece of source) {
    for (let at = 0; at < piece.length;) {
      const part = piece.subarray(at, at + size - heldBytes);
      held.push(Buffer.from(part));
      heldBytes += part.length;
      at += part.length;
      if (heldBytes < size) continue;
      yield Buffer.concat(held);
      held = [];
      heldBytes = 0;
    }
  }
  if (heldBytes > 0) yield Buffer.concat(held);
}
