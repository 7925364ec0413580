/** Draws values as often as their weights say. */
export class WeightedChoice<V> {
  private readonly values: readonly V[];
  /** Running sums of the weights. */
  private readonly sums: number[] = [];

  constructor(
    weighted: readonly (readonly [value: V, weight: number])[],
    private readonly random: () => number = Math.random,
  ) {
    let sum = 0;
    for (const [, weight] of weighted) this.sums.push((sum += weight));
    this.values = weighted.map(([value]) => value);
  }

  draw(): V {
    const mark = this.random() * (this.sums.at(-1) ?? 0);
    let low = 0;
    let high = this.sums.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.sums[middle] as number) > mark) high = middle;
      else low = middle + 1;
    }
    return this.values[low] as V;
  }
}
