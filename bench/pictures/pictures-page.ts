import type { Picture } from '../harness.js';
import { anchorOf } from '../performance-page.js';
import type { Measured } from '../performance-page.js';
import { drawChart } from './chart.js';
import type { Line } from './chart.js';

export interface Drawing {
  /** Beside the page. */
  readonly file: string;
  readonly svg: string;
}

/** The page of pictures, and its pictures: of the oldest Node that was measured, whose curves are those of the others. */
export function picturesPage(measured: readonly Measured[]): { page: string; drawings: readonly Drawing[] } {
  const drawings: Drawing[] = [];
  const sections = measured.flatMap(({ benchmark, outcomes }) => {
    const [major, outcome] = Object.entries(outcomes).find(([, { result }]) => result !== undefined) ?? [];
    const drawn = (benchmark.pictures ?? []).flatMap((picture) => {
      const lines = linesOf(picture, outcome?.result?.rows ?? []);
      if (lines.length === 0) return [];
      const file = `pictures/${picture.name}.svg`;
      drawings.push({ file, svg: drawChart({ ...picture, isLinear: picture.isLinear ?? false, lines }) });
      return [`![${picture.title}](${file})\n\n${picture.meaning}\n`];
    });
    if (drawn.length === 0) return [];
    const { title, work } = benchmark;
    const table = `[its table](performance.md#${anchorOf(title)})`;
    return [`## ${title}\n\nOn Node ${major}: ${work} (${table}).\n\n${drawn.join('\n')}`];
  });
  const page = `# Performance in pictures

Drawn by \`npm run bench\` from the same figures as [Performance](performance.md).

${sections.join('\n')}`;
  return { page, drawings };
}

type Rows = NonNullable<Measured['outcomes'][string]['result']>['rows'];

function linesOf({ name: picture, show = (median) => median }: Picture, rows: Rows): Line[] {
  const points = rows.flatMap(({ point, median }) =>
    point?.picture === picture ? [{ ...point, value: show(median) }] : [],
  );
  const names = [...new Set(points.map(({ line }) => line))];
  return names.map((name) => ({
    name,
    points: points.filter(({ line }) => line === name).toSorted((one, other) => one.at - other.at),
  }));
}
