// Which specs run which lines, so that a mutant is shown only to those that can see it.
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Runs each spec by itself once, unchanged. What it took is what it takes at most later, when nothing is counted.
 *
 * @returns for each spec that passes `{ spec, tookMs, covers(file, line) }`, the fastest first. A spec that fails as things are says
 * nothing about mutants; it is told to `onFailure`.
 */
export async function coverageOf(copy, specs, sources, onFailure) {
  const found = [];
  for (const spec of specs) {
    const folder = join(copy.folder, 'coverage');
    rmSync(folder, { recursive: true, force: true });
    const collect = sources.flatMap((path) => ['--collectCoverageFrom', path]);
    const coverage = ['--coverage', '--coverageReporters', 'json', ...collect];
    const { ended, tookMs, output } = await copy.jest([...coverage, '--runTestsByPath', spec], 300_000);
    if (ended !== 'passed') {
      onFailure(spec, output);
      continue;
    }
    const report = JSON.parse(readFileSync(join(folder, 'coverage-final.json'), 'utf8'));
    const lines = new Map(sources.map((path) => [path, linesOf(report[join(copy.folder, path)])]));
    // What runs in processes of its own is not measured: such a spec is asked last, about everything.
    const elsewhere = [...lines.values()].every(({ size }) => size === 0);
    const covers = (file, line) => elsewhere || lines.get(file)?.has(line) === true;
    found.push({ spec, tookMs, covers, elsewhere });
  }
  return found.sort((a, b) => Number(a.elsewhere) - Number(b.elsewhere) || a.tookMs - b.tookMs);
}

/** The lines that ran at least once. */
function linesOf(file) {
  const lines = new Set();
  for (const [id, { start, end }] of Object.entries(file?.statementMap ?? {})) {
    if (file.s[id] === 0) continue;
    for (let line = start.line; line <= end.line; line++) lines.add(line);
  }
  return lines;
}
