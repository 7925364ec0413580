/** Operations of one call that are under way at a time. A guarded store refuses more than 10,000 of all calls together. */
const atATime = 1_000;

/** The work done for each item, in order of the items; of a long list, part after part. */
export async function inTurns<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  if (items.length <= atATime) return Promise.all(items.map(work));
  const results: R[] = [];
  for (let at = 0; at < items.length; at += atATime) {
    results.push(...(await Promise.all(items.slice(at, at + atATime).map(work))));
  }
  return results;
}
