import { aimText, boundOf, judge, suffixOf } from './aims.js';
import type { Aim } from './aims.js';
import { figure, moreIsBetter } from './figure.js';
import type { Benchmark, Result, Row } from './harness.js';
import type { Outcome } from './results-file.js';

/** One benchmark and what came of it, by Node's major version. */
export interface Measured {
  readonly benchmark: Benchmark;
  readonly outcomes: Readonly<Record<string, Outcome>>;
}

/** The page that the benchmark writes: what it means for a reader, from what was measured. */
export function performancePage(
  groups: readonly (readonly [string, readonly Measured[]])[],
  versions: readonly string[],
): string {
  const all = groups.flatMap(([, some]) => some);
  const majors = [...new Set(all.flatMap(({ outcomes }) => Object.keys(outcomes)))].toSorted();
  const outcomes = all.flatMap((one) => Object.values(one.outcomes));
  const nodes = [...new Set(outcomes.map(({ node }) => node))].toSorted();
  const days = outcomes.map(({ measuredOn }) => measuredOn).toSorted();
  const when = days[0] === days.at(-1) ? `on ${days[0]}` : `from ${days[0]} to ${days.at(-1)}`;
  return `# Performance

What a hit, a write, a stampede and an entry cost, beside other caches and beside the least that the machine allows. [Pictures](performance-pictures.md) show how
cost and hit ratio grow.

\`npm run bench\` writes this page. How to read it:

- All subjects of a table do the same work in one run, in interleaved rounds. A ratio is the median of the rounds' ratios to the baseline of the same round.
- A round of steady work is measured once all code that it runs is optimised again: before it, memory is collected and the same work is done for a while
  without being measured, whoever does it. What a process pays in its first seconds stands in none of these figures.
- Absolute figures mean nothing on another machine. Ratios that differ by less than a tenth mean nothing here.
- The limit is the least that can be done and still do the work: nothing can be faster.
- Each section names an aim, and says where it is not reached.

Measured ${when} on Node ${nodes.join(' and ')}. ${versions.join(' · ')}

## At a glance

This library's figure, and what it is to be. **Bold**: the aim is not reached.

| what | ${majors.map((major) => `Node ${major} | `).join('')}aim |
|---|${majors.map(() => '---:|').join('')}---:|
${all.flatMap((one) => glance(one, majors)).join('\n')}

${groups.map(([title, some]) => `## ${title}\n\n${some.map((one) => section(one, majors)).join('\n')}`).join('\n')}`;
}

function glance({ benchmark, outcomes }: Measured, majors: readonly string[]): string[] {
  const { title, aims, unit } = benchmark;
  return aims.map((aim) => {
    const cells = majors.map((major) => {
      const result = outcomes[major]?.result;
      const judged = result && judge(aim, result, major);
      if (!judged) return '–';
      const text = withUnit(judged.value, aim, unit);
      return judged.isReached ? text : `**${text}**`;
    });
    const name = `[${title}](#${anchorOf(title)})${aim.of === '' ? '' : `, ${aim.of}`}`;
    return `| ${name} | ${cells.join(' | ')} | ${aimText(aim, unit)} |`;
  });
}

function section({ benchmark, outcomes }: Measured, majors: readonly string[]): string {
  const { name, title, work, meaning, remark, unit, limit, pictures } = benchmark;
  const results = majors.map((major) => outcomes[major]?.result);
  const rows = rowsOf(results);
  const better = moreIsBetter(unit) ? 'More' : 'Less';
  const first = results.find((result) => result !== undefined);
  const parts = [
    `### ${title}`,
    meaning,
    `${sentence(work)} ${first ? `${better} is better; ${first.baseline} is 1. ` : ''}(\`npm run bench -- ${name}\`)`,
    ...(rows.length > 0 ? [table(rows, results, majors, unit, limit)] : []),
    ...verdict(benchmark, outcomes, majors),
    ...(remark === undefined ? [] : [remark]),
    ...(pictures ? [`[Drawn](performance-pictures.md#${anchorOf(title)}).`] : []),
    ...majors.flatMap((major) => coldness(benchmark, outcomes[major]?.result, major)),
    ...majors.flatMap((major) => troubles(outcomes[major], major)),
  ];
  return `${parts.join('\n\n')}\n`;
}

function rowsOf(results: readonly (Result | undefined)[]): string[] {
  return [...new Set(results.flatMap((result) => result?.rows.map(({ subject }) => subject) ?? []))];
}

function table(
  subjects: readonly string[],
  results: readonly (Result | undefined)[],
  majors: readonly string[],
  unit: string,
  limit: string | undefined,
): string {
  const rows = subjects.map((subject) => {
    const cells = results.map((result) => cellsOf(result?.rows.find((row) => row.subject === subject)));
    const isLimit = limit !== undefined && (subject === limit || subject.startsWith(`${limit} `));
    return `| ${subject}${isLimit ? ' (the limit)' : ''} |${cells.join('')}`;
  });
  return [
    `| subject |${majors.map((major) => ` Node ${major}, ${unit} | ratio |`).join('')}`,
    `|---|${majors.map(() => '---:|---:|').join('')}`,
    ...rows,
  ].join('\n');
}

function cellsOf(row: Row | undefined): string {
  return row ? ` ${figure(row.median)} | ${row.ratio.toFixed(2)}× |` : ' – | – |';
}

/** The aims, and where they are not reached. */
function verdict(
  { aims, unit }: Benchmark,
  outcomes: Readonly<Record<string, Outcome>>,
  majors: readonly string[],
): string[] {
  if (aims.length === 0) return [];
  const told = aims.map((aim) => `${aim.of === '' ? '' : `${aim.of}: `}${aimText(aim, unit)}`);
  const missed = aims.flatMap((aim) =>
    majors.flatMap((major) => {
      const result = outcomes[major]?.result;
      const judged = result && judge(aim, result, major);
      if (!judged || judged.isReached) return [];
      const bound = withUnit(boundOf(aim, major), aim, unit);
      return `${aim.of === '' ? '' : `${aim.of}, `}Node ${major}: ${withUnit(judged.value, aim, unit)} instead of ${bound}${aim.beside === undefined ? '' : ` of ${aim.beside}`}`;
    }),
  );
  return [`Aim: ${told.join('; ')}. ${missed.length === 0 ? 'Reached.' : `Not reached: ${missed.join('; ')}.`}`];
}

function withUnit(value: number, aim: Aim, unit: string): string {
  return `${aim.figure === 'median' ? figure(value) : value.toFixed(2)}${suffixOf(aim, unit)}`;
}

function troubles(outcome: Outcome | undefined, major: string): string[] {
  if (outcome?.failure !== undefined) return [`Could not be measured on Node ${major}: ${outcome.failure}.`];
  const failures = outcome?.result?.failures ?? [];
  return failures.length === 0 ? [] : [`On Node ${major}, ${failures.join('; ')}.`];
}

/** Of a result that is older than its benchmark's warm-up. */
function coldness({ warmUpMs = 0 }: Benchmark, result: Result | undefined, major: string): string[] {
  if (!result || (result.warmUpMs ?? 0) >= warmUpMs) return [];
  return [`On Node ${major}, measured while code was still being optimised, and not yet again.`];
}

const sentence = (work: string): string => `${work.charAt(0).toUpperCase()}${work.slice(1)}.`;

/** As GitHub makes it of a heading. */
export function anchorOf(title: string): string {
  return title
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');
}
