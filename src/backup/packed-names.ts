/**
 * Names as one argument: `uint32 BE length · name` for each. A client takes many times as long to write an argument for each name, and a script takes them
 * apart with `nextPackedName`.
 */
export function packedNames(names: readonly Buffer[]): Buffer {
  let length = 0;
  for (const name of names) length += 4 + name.length;
  const packed = Buffer.allocUnsafe(length);
  let at = 0;
  for (const name of names) {
    at = packed.writeUInt32BE(name.length, at);
    at += name.copy(packed, at);
  }
  return packed;
}

/** Of Lua: what takes the next `key` out of the `names`, from `at`, until there is none. */
export const nextPackedName = "key, at = struct.unpack('>I4c0', names, at)";
