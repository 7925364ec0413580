// What specs have said about mutants, a line each, so that a run that was stopped goes on where it was.
import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { root } from '../commands.mjs';

const isNoticed = (outcome) => outcome === 'killed' || outcome === 'timed out';

export class Journal {
  outcomes = new Map();
  noticed = new Map();
  brokenSpecs = new Map();

  /**
   * @param goesOn false: what an earlier run has found is forgotten.
   * @param budgetMs what was asked with less may be asked again.
   */
  constructor(path, goesOn, budgetMs) {
    this.path = path;
    this.budgetMs = budgetMs;
    mkdirSync(dirname(path), { recursive: true });
    if (!goesOn) rmSync(path, { force: true });
    this.read();
  }

  /** Half a line is what a process was about to say when it was ended. */
  read() {
    const lines = existsSync(this.path) ? readFileSync(this.path, 'utf8').split('\n').slice(0, -1) : [];
    const entries = lines.filter((line) => line.startsWith('{') && line.endsWith('}')).map((line) => JSON.parse(line));
    this.length = entries.length;
    this.last = entries.at(-1);
    this.noticed.clear();
    for (const { spec, id, broken, outcome, ...more } of entries) {
      if (broken !== undefined) this.brokenSpecs.set(spec, broken);
      if (outcome === undefined) continue;
      if (isNoticed(outcome) || !(more.budgetMs < this.budgetMs)) this.outcomes.set(`${spec} ${id}`, { outcome });
      if (!isNoticed(outcome)) continue;
      if (!this.noticed.has(id)) this.noticed.set(id, []);
      this.noticed.get(id).push({ spec, outcome, ...more });
    }
  }

  add(entry) {
    appendFileSync(this.path, `${JSON.stringify(entry)}\n`);
    this.read();
  }

  /** What a spec has said about a mutant, if neither its file nor the spec has changed since. */
  said(mutant, spec) {
    return this.outcomes.get(`${fingerprint(spec)} ${nameOf(mutant)}`);
  }

  broken(spec) {
    return this.brokenSpecs.get(fingerprint(spec));
  }

  /** The answer of the spec that has noticed it, whichever that is, if it still says what it said then. */
  noticedBy(mutant) {
    return (this.noticed.get(nameOf(mutant)) ?? []).find(({ spec }) => isCurrent(spec));
  }

  /** What became of a mutant: noticed by which test, or by none of the specs that met it. */
  verdict(mutant, specs) {
    const { id, file, line } = mutant;
    const noticed = this.noticedBy(mutant);
    if (noticed) return { id, file, line, outcome: noticed.outcome, spec: pathOf(noticed.spec), by: noticed.by };
    const asked = specs.filter((spec) => this.said(mutant, spec)?.outcome === 'survived');
    return { id, file, line, outcome: asked.length > 0 ? 'survived' : 'uncovered', asked };
  }
}

/** A mutant, of a source as it is now. */
export const nameOf = ({ id, file }) => `${fingerprint(file)}: ${id}`;

const pathOf = (print) => print.slice(0, print.lastIndexOf('@'));
const isCurrent = (print) => existsSync(join(root, pathOf(print))) && fingerprint(pathOf(print)) === print;

const fingerprints = new Map();

/** The path of a file and a hash of what it says now. */
export function fingerprint(path) {
  if (!fingerprints.has(path)) {
    const hash = createHash('sha1')
      .update(readFileSync(join(root, path)))
      .digest('hex');
    fingerprints.set(path, `${path}@${hash.slice(0, 12)}`);
  }
  return fingerprints.get(path);
}
