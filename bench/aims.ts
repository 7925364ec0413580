import type { Result } from './harness.js';

/** What one subject's figure is to be. */
export interface Aim {
  /** As its row is called, without the name of this library: `''`, `'64'`, `'set'`. */
  readonly of: string;
  /** Default the ratio to the baseline. */
  readonly figure?: 'ratio' | 'median';
  readonly atMost?: number;
  readonly atLeast?: number;
  /** The bound on Node 24, where it is another one. */
  readonly onNode24?: number;
  /** Of the figure, where it is not the benchmark's. */
  readonly unit?: string;
  /** The row that the figure is divided by, where that is not the baseline's. */
  readonly beside?: string;
}

export interface Judged {
  readonly value: number;
  readonly bound: number;
  readonly isReached: boolean;
}

/** The figure beside its bound, on the Node of this major version; `undefined` if it was not measured. */
export function judge(aim: Aim, { rows }: Pick<Result, 'rows'>, major: string): Judged | undefined {
  const figureOf = (subject: string): number | undefined =>
    rows.find((row) => row.subject === subject)?.[aim.figure ?? 'ratio'];
  const own = figureOf(`nestjs-tiered-cache ${aim.of}`.trim());
  const other = aim.beside === undefined ? 1 : figureOf(aim.beside);
  if (own === undefined || other === undefined) return undefined;
  const value = own / other;
  const bound = boundOf(aim, major);
  return { value, bound, isReached: aim.atMost === undefined ? value >= bound : value <= bound };
}

export function boundOf({ atMost, atLeast, onNode24 }: Aim, major: string): number {
  const bound = atMost ?? atLeast ?? NaN;
  return Number(major) >= 24 ? (onNode24 ?? bound) : bound;
}

/** Behind a figure of this aim. */
export function suffixOf({ figure, unit: own }: Aim, unit: string): string {
  return figure === 'median' ? ` ${own ?? unit}` : '×';
}

/** `≤ 1.3×` of every Node, or `≥ 2×, on Node 24 2.1×`. */
export function aimText(aim: Aim, unit: string): string {
  const suffix = suffixOf(aim, unit);
  const second = aim.onNode24 === undefined ? '' : `, on Node 24 ${aim.onNode24}${suffix}`;
  const beside = aim.beside === undefined ? '' : ` of ${aim.beside}`;
  return `${aim.atMost === undefined ? '≥' : '≤'} ${boundOf(aim, '20')}${suffix}${second}${beside}`;
}
