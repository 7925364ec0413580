import { safeLine } from '../value/safe-text.js';

type Cell = string | number | undefined;

/** Rows as lines, a column for each name that one of them has, in the order of their first appearance. Bytes are written in their units. */
export function table(rows: readonly Readonly<Record<string, Cell>>[]): string {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const cells = [names, ...rows.map((row) => names.map((name) => shown(name, row[name])))];
  const widths = names.map((_, column) => Math.max(...cells.map((line) => (line[column] as string).length)));
  const isNumber = names.map((name) => rows.some((row) => typeof row[name] === 'number'));
  return cells
    .map((line) =>
      line.map((cell, at) => (isNumber[at] ? cell.padStart(widths[at] ?? 0) : cell.padEnd(widths[at] ?? 0))),
    )
    .map((line) => `${line.join('  ').trimEnd()}\n`)
    .join('');
}

function shown(name: string, value: Cell): string {
  if (value === undefined) return '-';
  if (typeof value !== 'number') return safeLine(value);
  return /bytes$/i.test(name) ? inUnits(value) : value.toLocaleString('en-US');
}

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

function inUnits(bytes: number): string {
  const power = bytes < 1 ? 0 : Math.min(Math.floor(Math.log2(bytes) / 10), units.length - 1);
  return `${(bytes / 2 ** (10 * power)).toFixed(power === 0 ? 0 : 1)} ${units[power]}`;
}

/** The room that the names of these facts take. */
export const widthOf = (...all: readonly object[]): number =>
  Math.max(0, ...all.flatMap(known).map(([name]) => name.length));

const known = (facts: object) => Object.entries(facts).filter(([, value]) => value !== undefined);

/** Facts as lines: a name and what it is. What was stored can't look like a line of its own. */
export function lines(facts: object, width = widthOf(facts)): string {
  return known(facts)
    .map(([name, value]) => {
      const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
      return `  ${name.padEnd(width)}  ${safeLine(text)}\n`;
    })
    .join('');
}
