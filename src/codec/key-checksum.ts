import { crc32 } from 'node:zlib';

/** The CRC-32 of a store key. A loop over its few characters takes half the time of the call that hands them to zlib. */
export function keyChecksum(storeKey: string): number {
  let sum = -1;
  for (let index = 0; index < storeKey.length; index++) {
    const code = storeKey.charCodeAt(index);
    if (code > 0x7f) return crc32(storeKey);
    sum = (ofByte[(sum ^ code) & 0xff] as number) ^ (sum >>> 8);
  }
  return ~sum >>> 0;
}

const ofByte = Int32Array.from({ length: 256 }, (_, byte) => {
  let sum = byte;
  for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? (sum >>> 1) ^ 0xedb8_8320 : sum >>> 1;
  return sum;
});
