// CRC-64/Jones, as Redis ends each DUMP: polynomial 0xad93d23594c935a9, reflected. In two halves of 32 bits, since a bigint takes fifty times as long.
const high = new Uint32Array(256);
const low = new Uint32Array(256);
const reflected = 0x95ac9329ac4bc9b5n;
for (let byte = 0; byte < 256; byte++) {
  let crc = BigInt(byte);
  for (let bit = 0; bit < 8; bit++) crc = (crc & 1n) === 0n ? crc >> 1n : (crc >> 1n) ^ reflected;
  high[byte] = Number(crc >> 32n);
  low[byte] = Number(crc & 0xffffffffn);
}

/** Whether these bytes end with the CRC of all that stands before it, as a DUMP does. */
export function endsWithItsCrc(bytes: Buffer): boolean {
  const end = bytes.length - 8;
  if (end < 0) return false;
  let [crcHigh, crcLow] = [0, 0];
  for (let index = 0; index < end; index++) {
    const at = (crcLow ^ (bytes[index] as number)) & 0xff;
    crcLow = ((crcLow >>> 8) | (crcHigh << 24)) ^ (low[at] as number);
    crcHigh = (crcHigh >>> 8) ^ (high[at] as number);
  }
  return bytes.readUInt32LE(end) === crcLow >>> 0 && bytes.readUInt32LE(end + 4) === crcHigh >>> 0;
}
