/** Records as they are appended: each with its length before it, two bytes, big-endian. */
export function frameRecords(records: readonly Uint8Array[]): Buffer {
  const frames = Buffer.allocUnsafe(records.reduce((sum, { length }) => sum + 2 + length, 0));
  let at = 0;
  for (const record of records) {
    at = frames.writeUInt16BE(record.length, at);
    frames.set(record, at);
    at += record.length;
  }
  return frames;
}

/** The records of what was read, as views. Undefined: these bytes can't be records. */
export function recordsOf(chunks: readonly Buffer[]): Buffer[] | undefined {
  const records: Buffer[] = [];
  for (const chunk of chunks) {
    for (let at = 0; at < chunk.length;) {
      const end = at + 2 <= chunk.length ? at + 2 + chunk.readUInt16BE(at) : Infinity;
      if (end > chunk.length) return undefined;
      records.push(chunk.subarray(at + 2, end));
      at = end;
    }
  }
  return records;
}
