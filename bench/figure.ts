/** A figure as a reader wants it: no more digits than it is worth. */
export function figure(value: number): string {
  if (value >= 100) return Math.round(value).toLocaleString('en-US');
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

/** Is more of this unit better? */
export function moreIsBetter(unit: string): boolean {
  return unit.endsWith('/s') || unit.startsWith('hits');
}
