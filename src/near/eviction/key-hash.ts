/** Longer keys are hashed by a sample of 64 to 128 of their characters: a wrong ghost costs one admission, a long loop costs every miss. */
const maxHashedLength = 128;

/**
 * 32 bits of a key, never 0. Not for secrets: the seed only keeps two processes from having the same collisions.
 *
 * Two characters make a word. The rotation carries the upper character's bits to where the multiplication spreads them.
 */
export function keyHash(key: string, seed: number): number {
  const { length } = key;
  const step = length <= maxHashedLength ? 1 : length >> 6;
  let hash = seed ^ length;
  let index = length - 1;
  for (; index >= step; index -= 2 * step) {
    hash ^= key.charCodeAt(index) | (key.charCodeAt(index - step) << 16);
    hash = Math.imul((hash << 15) | (hash >>> 17), 0x85ebca6b);
  }
  if (index >= 0) hash = Math.imul(hash ^ key.charCodeAt(index), 0xc2b2ae35);
  hash = Math.imul(hash ^ (hash >>> 16), 0x7feb352d);
  hash = Math.imul(hash ^ (hash >>> 15), 0x846ca68b);
  hash ^= hash >>> 16;
  return hash === 0 ? 1 : hash;
}
