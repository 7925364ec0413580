/**
 * The name that a misspelt one was probably meant to be: the one of fewest edits (a letter added, lost, changed, or swapped with its
 * neighbour; case is free), if these are at most a third of the longer name. `undefined`: none is near.
 *
 * @param spellings what each name may be written as, the first of equally near ones winning. A handicap counts as so many edits more.
 */
export function nearestName(
  written: string,
  spellings: Iterable<readonly [spelling: string, name: string, handicap: number]>,
): string | undefined {
  let nearest: string | undefined;
  let fewest = Infinity;
  for (const [spelling, name, handicap] of spellings) {
    const edits = editDistance(written.toLowerCase(), spelling.toLowerCase());
    if (edits + handicap >= fewest || edits > Math.max(written.length, spelling.length) / 3) continue;
    [nearest, fewest] = [name, edits + handicap];
  }
  return nearest;
}

/** The optimal string alignment distance. Names are short: a table of both lengths is small. */
export function editDistance(one: string, other: string): number {
  const rows = Array.from({ length: one.length + 1 }, (_, row) => [row]);
  const at = (row: number, column: number): number => rows[row]?.[column] ?? Infinity;
  for (let column = 1; column <= other.length; column++) (rows[0] as number[])[column] = column;
  for (let row = 1; row <= one.length; row++) {
    for (let column = 1; column <= other.length; column++) {
      const differs = one[row - 1] === other[column - 1] ? 0 : 1;
      const isSwap = row > 1 && column > 1 && one[row - 1] === other[column - 2] && one[row - 2] === other[column - 1];
      (rows[row] as number[])[column] = Math.min(
        at(row - 1, column) + 1,
        at(row, column - 1) + 1,
        at(row - 1, column - 1) + differs,
        isSwap ? at(row - 2, column - 2) + 1 : Infinity,
      );
    }
  }
  return at(one.length, other.length);
}
