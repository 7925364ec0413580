/** A value whose bytes are still to come, as the parser keeps it. */
export interface GrowingValue {
  data: Buffer;
  filled: number;
}

/** The room that a value is given when it is announced. Nearly all fit; a server that announces a gigabyte is not given one. */
export const firstRoom = (announcedBytes: number): number => Math.min(announcedBytes, 65_536);

/** Makes room for bytes that have arrived. What is full is whole: until then there is more room than bytes. */
export function growFor(value: GrowingValue, arrivedBytes: number, announcedBytes: number): void {
  const needed = value.filled + arrivedBytes;
  if (value.data.length >= announcedBytes || needed < value.data.length) return;
  const room = Math.min(announcedBytes, Math.max(needed + 1, 2 * value.data.length));
  const grown = Buffer.allocUnsafe(room);
  value.data.copy(grown, 0, 0, value.filled);
  value.data = grown;
}
