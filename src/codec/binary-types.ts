/** The kinds of bytes that a structured value may hold, by the name that stands in the payload. Elements are little-endian. */
export const binaryTypes = {
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
} as const;

export type BinaryType = keyof typeof binaryTypes | 'Buffer' | 'ArrayBuffer' | 'DataView';
