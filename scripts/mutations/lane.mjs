// Asks one spec after the other about the mutants that are still unnoticed.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../commands.mjs';
import { fingerprint, nameOf } from './journal.mjs';
import { switched } from './switched.mjs';
import { WorkingCopy } from './working-copy.mjs';

const timesFile = join(root, 'tmp/mutations/times.json');
const times = existsSync(timesFile) ? JSON.parse(readFileSync(timesFile, 'utf8')) : {};

/** What a spec may have taken to be asked with --quick. */
const quickMs = 4_000;

export class Lane {
  constructor(journal, mutants, specs, { budgetMs, quick }) {
    this.budgetMs = budgetMs;
    this.journal = journal;
    this.mutants = mutants;
    // What takes long is asked last, about what is left. A spec that never ran is taken for one of 2 s.
    const takes = (spec) => times[spec] ?? 2_000;
    this.specs = specs.filter((spec) => !quick || takes(spec) <= quickMs).sort((a, b) => takes(a) - takes(b));
  }

  async ask() {
    this.copy = new WorkingCopy();
    try {
      for (const file of new Set(this.mutants.map((mutant) => mutant.file)))
        this.copy.write(
          file,
          switched(
            this.copy.read(file),
            this.mutants.filter((mutant) => mutant.file === file),
          ),
        );
      for (const spec of this.specs) await this.askSpec(spec);
    } finally {
      this.copy.remove();
    }
  }

  waitingFor(spec) {
    const { journal } = this;
    if (journal.broken(spec) !== undefined) return [];
    return this.mutants.filter(
      (mutant) => journal.said(mutant, spec) === undefined && journal.noticedBy(mutant) === undefined,
    );
  }

  async askSpec(spec) {
    const { journal, copy } = this;
    const startedAt = performance.now();
    const folder = join(copy.folder, 'tmp/mutations');
    mkdirSync(folder, { recursive: true });
    const task = join(folder, 'task.json');
    const learned = join(folder, `${spec.replaceAll('/', '-')}.json`);
    const asked = this.waitingFor(spec);
    for (let waiting = asked, idle = 0; waiting.length > 0; waiting = this.waitingFor(spec)) {
      const mutants = waiting.map((mutant) => ({ id: nameOf(mutant), number: mutant.number }));
      const seen = join(folder, 'seen');
      writeFileSync(
        task,
        JSON.stringify({
          file: fingerprint(spec),
          mutants,
          journal: journal.path,
          learned,
          seen,
          budgetMs: this.budgetMs,
        }),
      );
      const before = journal.length;
      const output = await this.runOnce(spec, task);
      const stopped = journal.last?.asking === true && journal.last.spec === fingerprint(spec);
      if (stopped) journal.add({ spec: fingerprint(spec), id: journal.last.id, outcome: 'timed out' });
      idle = journal.length === before ? idle + 1 : 0;
      if (idle === 2) journal.add({ spec: fingerprint(spec), broken: output.slice(-2_000) });
    }
    if (asked.length > 0) this.tell(spec, asked, learned, performance.now() - startedAt);
  }

  /** Ends it when nothing has been said for longer than what is asked may take. */
  async runOnce(spec, task) {
    const { journal, copy } = this;
    let lastSaidAt = performance.now();
    const isOver = () => {
      const { length } = journal;
      journal.read();
      if (journal.length !== length) lastSaidAt = performance.now();
      return performance.now() - lastSaidAt > (journal.last?.limitMs ?? 300_000);
    };
    const runner = join(copy.folder, 'scripts/mutations/ask-spec.mjs');
    const args = ['--testRunner', runner, '--silent', '--runTestsByPath', spec];
    const { output } = await copy.jest(args, { env: { MUTATION_TASK: task }, isOver });
    journal.read();
    return output;
  }

  tell(spec, asked, learned, tookMs) {
    const { journal } = this;
    const why = journal.broken(spec);
    if (why !== undefined) {
      console.log(`        ${spec} fails without a mutant, and is not asked: ${why}`);
      return;
    }
    const count = (...outcomes) => asked.filter((one) => outcomes.includes(journal.said(one, spec)?.outcome)).length;
    const left = asked.length - count('killed', 'timed out');
    console.log(
      `        ${spec}: ${asked.length - count('unseen')} met, ${count('killed', 'timed out')} noticed, ${left} left (${(tookMs / 1_000).toFixed(1)} s)`,
    );
    if (!existsSync(learned)) return;
    times[spec] = Math.round(JSON.parse(readFileSync(learned, 'utf8')).tookMs);
    writeFileSync(timesFile, JSON.stringify(times, undefined, 2));
  }
}
