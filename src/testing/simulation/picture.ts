import type { History, Line } from './history.js';

const leastWidth = 36;

/**
 * A history as text: the time to the left, one column for each process, and in between what belongs to none. A command that is answered before anything
 * else happens is one line with both arrows. Readings of the feed go on all the time; they are left out unless something became of them.
 */
export function picture({ lines }: History): string {
  const shown = withoutRepetitions(merged(lines.filter((line) => !isPolling(line))));
  const processes = [...new Set(shown.flatMap(({ process }) => process ?? []))].sort();
  const widthOf = (name: string): number =>
    Math.max(leastWidth, ...shown.filter(({ process }) => process === name).map((line) => said(line).length));
  const columns = new Map<string, number>();
  let at = 0;
  for (const name of processes) {
    columns.set(name, at);
    at += widthOf(name) + 2;
  }
  const head = processes.reduce((text, name) => text.padEnd(columns.get(name) ?? 0) + name, '');
  const rowOf = (line: Line): string =>
    `${`${Math.round(line.at)} ms`.padStart(9)}  ${' '.repeat(columns.get(line.process ?? '') ?? 0)}${said(line)}`;
  return [' '.repeat(11) + head, ...shown.map(rowOf)].join('\n');
}

const isPolling = ({ kind, text }: Line): boolean => kind === 'wire' && /^\S+ (->|<-) read the feed$/.test(text);

function merged(lines: readonly Line[]): Line[] {
  const shown: Line[] = [];
  for (const line of lines) {
    const before = shown.at(-1);
    const isAnswered = line.kind === 'wire' && before?.at === line.at && before.text === line.text.replace('<-', '->');
    if (isAnswered && before !== line) shown[shown.length - 1] = { ...line, text: line.text.replace('<-', '<->') };
    else shown.push(line);
  }
  return shown;
}

/** What is said several times with nothing in between, such as the renewals of a lease, is one line. */
function withoutRepetitions(lines: readonly Line[]): Line[] {
  const shown: Line[] = [];
  let times = 1;
  for (const [index, line] of lines.entries()) {
    const next = lines[index + 1];
    if (line.kind === 'wire' && next && next.process === line.process && next.text === line.text) {
      times++;
      continue;
    }
    shown.push(times === 1 ? line : { ...line, text: `${line.text} (${times} times)` });
    times = 1;
  }
  return shown;
}

function said({ kind, process, text }: Line): string {
  if (process === undefined) return `${kind === 'fault' ? '!' : '-'} ${text}`;
  const own = text.replace(`${process} `, '');
  return kind === 'fault' ? `! ${own}` : own;
}
