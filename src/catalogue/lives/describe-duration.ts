const units = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1000],
] as const;

/** In the largest unit that leaves no rest: `15 minutes`, `90 minutes`, `1 day`, `400 milliseconds`. */
export function describeDuration(lengthMs: number): string {
  const [name, unitMs] = units.find(([, each]) => lengthMs >= each && lengthMs % each === 0) ?? ['millisecond', 1];
  const count = lengthMs / unitMs;
  return `${count} ${name}${count === 1 ? '' : 's'}`;
}
