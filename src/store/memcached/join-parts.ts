/** Copying more costs more than another chunk. */
const largeBodyBytes = 16_384;

/**
 * Commands and small bodies one after the other in one chunk, since the socket takes its time for each. Large bodies are handed on as
 * they are.
 */
export function joinParts(parts: readonly (string | Uint8Array)[]): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  let run: (string | Uint8Array)[] = [];
  let runBytes = 0;
  const endRun = (): void => {
    const chunk = Buffer.allocUnsafe(runBytes);
    let at = 0;
    for (const part of run) {
      if (typeof part === 'string') at += chunk.write(part, at, 'latin1');
      else {
        chunk.set(part, at);
        at += part.length;
      }
    }
    if (at > 0) chunks.push(chunk);
    run = [];
    runBytes = 0;
  };
  for (const part of parts) {
    if (typeof part !== 'string' && part.length > largeBodyBytes) {
      endRun();
      chunks.push(part);
      continue;
    }
    run.push(part);
    runBytes += part.length;
  }
  endRun();
  return chunks;
}
