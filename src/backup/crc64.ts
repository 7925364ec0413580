// CRC-64/Jones, as Redis ends each DUMP: polynomial 0xad93d23594c935a9, reflected. In two halves of 32 bits, since a bigint takes fifty times as long, and
// four bytes at a time: table k holds what a byte comes to that k others follow.
const atOnce = 4;
const high = new Uint32Array(atOnce * 256);
const low = new Uint32Array(atOnce * 256);
const reflected = 0x95ac9329ac4bc9b5n;
for (let byte = 0; byte < 256; byte++) {
  let crc = BigInt(byte);
  for (let bit = 0; bit < 8; bit++) crc = (crc & 1n) === 0n ? crc >> 1n : (crc >> 1n) ^ reflected;
  high[byte] = Number(crc >> 32n);
  low[byte] = Number(crc & 0xffffffffn);
}
for (let index = 256; index < high.length; index++) {
  const [crcHigh, crcLow] = [high[index - 256] as number, low[index - 256] as number];
  const at = crcLow & 0xff;
  low[index] = ((crcLow >>> 8) | (crcHigh << 24)) ^ (low[at] as number);
  high[index] = (crcHigh >>> 8) ^ (high[at] as number);
}

/** Whether these bytes end with the CRC of all that stands before it, as a DUMP does. */
export function endsWithItsCrc(bytes: Buffer): boolean {
  const end = bytes.length - 8;
  if (end < 0) return false;
  let crcHigh = 0;
  let crcLow = 0;
  let index = 0;
  for (; index + atOnce <= end; index += atOnce) {
    const a = 0x300 | ((crcLow ^ (bytes[index] as number)) & 0xff);
    const b = 0x200 | (((crcLow >>> 8) ^ (bytes[index + 1] as number)) & 0xff);
    const c = 0x100 | (((crcLow >>> 16) ^ (bytes[index + 2] as number)) & 0xff);
    const d = (crcLow >>> 24) ^ (bytes[index + 3] as number);
    crcLow = crcHigh ^ (low[a] as number) ^ (low[b] as number) ^ (low[c] as number) ^ (low[d] as number);
    crcHigh = (high[a] as number) ^ (high[b] as number) ^ (high[c] as number) ^ (high[d] as number);
  }
  for (; index < end; index++) {
    const at = (crcLow ^ (bytes[index] as number)) & 0xff;
    crcLow = ((crcLow >>> 8) | (crcHigh << 24)) ^ (low[at] as number);
    crcHigh = (crcHigh >>> 8) ^ (high[at] as number);
  }
  return bytes.readUInt32LE(end) === crcLow >>> 0 && bytes.readUInt32LE(end + 4) === crcHigh >>> 0;
}
