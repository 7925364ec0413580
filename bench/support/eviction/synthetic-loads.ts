/** Look-ups of keys in order, and the numbers of entries that a cache is tried with. */
export interface Load {
  readonly name: string;
  readonly capacities: readonly number[];
  /** @param length how many look-ups, about. */
  keys(random: () => number, length: number): Int32Array;
}

/** A mix of what caches meet: popularity, loops, scans, and change. Made anew from each seed. */
export const syntheticLoads: readonly Load[] = [
  ...[0.7, 0.9, 1.1].map((exponent) => ({
    name: `zipf ${exponent}`,
    capacities: [200, 1_000],
    keys: (random: () => number, length: number) => filled(length, zipf(20_000, exponent, random)),
  })),
  { name: 'loop', capacities: [500, 1_000], keys: (_, length) => filled(length, (index) => index % 1_500) },
  { name: 'scans', capacities: [200, 1_000], keys: scans },
  { name: 'new favourites', capacities: [200, 1_000], keys: newFavourites },
  {
    name: 'drift',
    capacities: [200, 1_000],
    keys: (random, length) => {
      const popular = zipf(20_000, 0.9, random);
      return filled(length, (index) => (popular() + Math.floor(index / 20)) % 20_000);
    },
  },
  { name: 'sessions', capacities: [300, 1_500], keys: sessions },
  {
    name: 'one-offs',
    capacities: [200, 1_000],
    keys: (random, length) => {
      const popular = zipf(5_000, 0.8, random);
      return filled(length, (index) => (random() < 0.4 ? 5_000 + index : popular()));
    },
  },
  {
    name: 'news',
    capacities: [300, 2_000],
    keys: (random, length) =>
      filled(length, (index) => {
        const newest = 2_000 + Math.floor(index / 25);
        return Math.max(0, newest + 3 - Math.floor(3 * (1 - random()) ** (-1 / 0.7)));
      }),
  },
];

/** Numbers from 0 on, the n-th of which is as frequent as 1 / n to that power. */
export function zipf(count: number, exponent: number, random: () => number): () => number {
  const sums = new Float64Array(count);
  let total = 0;
  for (let rank = 0; rank < count; rank++) sums[rank] = total += (rank + 1) ** -exponent;
  return () => {
    const wanted = random() * total;
    let low = 0;
    for (let high = count - 1; low < high;) {
      const middle = (low + high) >> 1;
      if ((sums[middle] as number) < wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}

function filled(length: number, next: (index: number) => number): Int32Array {
  const keys = new Int32Array(length);
  for (let index = 0; index < length; index++) keys[index] = next(index);
  return keys;
}

/** Popular keys, and now and then a run of keys that are never asked for again. */
function scans(random: () => number, length: number): Int32Array {
  const popular = zipf(10_000, 0.9, random);
  let scanned = 10_000;
  let left = 0;
  let isScan = true;
  return filled(length, () => {
    if (left-- <= 0) {
      isScan = !isScan;
      left = isScan ? 500 + Math.floor(random() * 3_000) : 2_000 + Math.floor(random() * 6_000);
    }
    return isScan ? scanned++ : popular();
  });
}

/** Ten times, other keys become the popular ones at once. */
function newFavourites(random: () => number, length: number): Int32Array {
  const popular = zipf(20_000, 0.9, random);
  let offset = 0;
  return filled(length, (index) => {
    if (index % Math.ceil(length / 10) === 0) offset = Math.floor(random() * 20_000);
    return (popular() + offset) % 20_000;
  });
}

/** 250 users at a time with ten keys each, and keys that all of them share. */
function sessions(random: () => number, length: number): Int32Array {
  const shared = zipf(3_000, 1, random);
  let users = 250;
  const active = Array.from({ length: users }, (_, user) => user);
  return filled(length, () => {
    if (random() < 0.3) return shared();
    const place = Math.floor(random() * active.length);
    if (random() < 0.02) active[place] = users++;
    return 3_000 + (active[place] as number) * 10 + Math.floor(random() * random() * 10);
  });
}
