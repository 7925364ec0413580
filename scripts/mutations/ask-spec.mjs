// The test runner of one Jest process: loads one spec file once, learns which of its tests come by which mutant, and asks those tests about
// each mutant in turn, until one of them fails. MUTATION_TASK names a file: { mutants: [{ id, number }], journal, learned, file, seen, budgetMs }.
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { LoadedSpec } from './loaded-spec.mjs';

export default async function askSpec(globalConfig, config, environment, runtime, testPath) {
  const task = JSON.parse(readFileSync(process.env['MUTATION_TASK'], 'utf8'));
  const tell = (entry) => appendFileSync(task.journal, `${JSON.stringify({ spec: task.file, ...entry })}\n`);
  const spec = await LoadedSpec.of({ globalConfig, config, environment, runtime, testPath, seen: task.seen });
  try {
    const learned = await learn(spec, task);
    if (learned.broken !== undefined) tell({ broken: learned.broken });
    else for (const mutant of task.mutants) await ask(spec, { ...learned, budgetMs: task.budgetMs }, mutant, tell);
  } catch (error) {
    tell({ broken: String(error?.stack ?? error).slice(0, 2_000) });
  }
  return spec.lastResult;
}

/** Runs the tests twice, unchanged: what each comes by, how long it takes, and whether it passes a second time in the same process. */
async function learn(spec, task) {
  if (existsSync(task.learned)) return JSON.parse(readFileSync(task.learned, 'utf8'));
  const startedAt = performance.now();
  await spec.load(0);
  const whole = await spec.run({ record: true });
  const tookMs = performance.now() - startedAt;
  const learned = { tookMs, ...spec.recorded(), unrepeatable: [], broken: whole.failure };
  if (whole.failure === undefined) learned.unrepeatable = (await spec.run({ goOn: true })).failed;
  if (learned.unrepeatable.length > 0) await spec.load(0);
  writeFileSync(task.learned, JSON.stringify(learned));
  return learned;
}

async function ask(spec, { tests, onLoad, unrepeatable, tookMs, budgetMs }, { id, number }, tell) {
  const whileLoading = onLoad.includes(number);
  const met = tests.filter(({ meets }) => whileLoading || meets.includes(number));
  let left = budgetMs;
  const asked = met.sort((a, b) => a.tookMs - b.tookMs).filter((test) => (left -= test.tookMs) >= 0);
  if (asked.length === 0) return tell({ id, outcome: 'unseen', budgetMs });
  const names = asked.map(({ name }) => name);
  const limits = new Map(asked.map(({ name, tookMs }) => [name, 3_000 + 10 * tookMs]));
  tell({ id, asking: true, limitMs: 30_000 + 10 * tookMs });
  const startedAt = performance.now();
  const anew = whileLoading || unrepeatable.some((name) => names.includes(name));
  const outcome = await judge(spec, { names, number, limits, anew });
  tell({ id, ...outcome, budgetMs, tookMs: Math.round(performance.now() - startedAt) });
  // A test that is still under way would disturb the next ones.
  if (outcome.outcome === 'timed out') process.exit(0);
}

/** A mutant is noticed if a test fails with it, passes without it, and fails with it again. */
async function judge(spec, { names, number, limits, anew }) {
  const attempt = async (fresh, asked = names) => {
    const failure = fresh ? await spec.load(number) : undefined;
    return failure === undefined ? spec.run({ number, names: asked, limits }) : { failure };
  };
  const told = ({ failure, by, timedOut }) =>
    failure === undefined ? { outcome: 'survived' } : { outcome: timedOut ? 'timed out' : 'killed', by, failure };
  if (!anew && spec.loadedWith !== 0) await spec.load(0);
  const first = await attempt(anew);
  if (anew || first.failure === undefined || first.timedOut) return told(first);
  if (first.by !== undefined) {
    const without = await spec.run({ names: [first.by], limits });
    const again = without.failure === undefined ? await attempt(false, [first.by]) : undefined;
    if (again?.failure !== undefined) return told(again);
  }
  // What the mutant left behind, or chance: once more from the beginning.
  const last = await attempt(true);
  spec.loadedWith = undefined;
  return told(last);
}
