/**
 * A copy in memory of its own, for what is kept. `Buffer.from` makes a small copy a part of a block of 8 KiB, and a part that is kept keeps the whole
 * block alive: 100 bytes were counted where 8 KiB were held.
 */
export function lastingCopy(bytes: Uint8Array): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  copy.set(bytes);
  return copy;
}
