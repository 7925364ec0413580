/** Freezes the value and everything in it. For values that a codec made: trees of plain objects and arrays, without cycles. */
export function freeze<V>(value: V): V {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    for (const item of value) if (typeof item === 'object') freeze(item);
  } else {
    for (const name in value) {
      const property = value[name];
      if (typeof property === 'object') freeze(property);
    }
  }
  return Object.freeze(value);
}
