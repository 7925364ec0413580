/** So many of the items, chosen by a seed: the same ones each time. In their old order. */
export function sampled(items, count, seed) {
  if (items.length <= count) return [...items];
  const random = mulberry32(seed);
  const indices = items.map((_, index) => index);
  for (let at = 0; at < count; at++) {
    const from = at + Math.floor(random() * (indices.length - at));
    [indices[at], indices[from]] = [indices[from], indices[at]];
  }
  return indices
    .slice(0, count)
    .sort((a, b) => a - b)
    .map((index) => items[index]);
}

function mulberry32(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
