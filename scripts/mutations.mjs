// npm run test:mutations [-- src/lock … --sample 400 --seed 1 --tests test/lock --at-least 85]: mistakes are put into the sources of a room, one
// at a time, and its tests must notice. What they don't notice is listed: a test is missing, or the change makes no difference. Those that
// make none stand in scripts/mutations/equivalents.json, each with the reason.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Remedy, main, root, seconds } from './commands.mjs';
import { printSummary } from './jest.mjs';
import { coverageOf } from './mutations/coverage.mjs';
import { mutantsOf, mutated } from './mutations/mutants.mjs';
import { defaultRooms, defaultTests, sourcesOf, specsAt } from './mutations/rooms.mjs';
import { sampled } from './mutations/sample.mjs';
import { WorkingCopy } from './mutations/working-copy.mjs';

const equivalents = new Map(
  JSON.parse(readFileSync(join(root, 'scripts/mutations/equivalents.json'), 'utf8')).map(({ id, reason }) => [
    id,
    reason,
  ]),
);

function readArguments(args) {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      sample: { type: 'string', default: '400' },
      seed: { type: 'string', default: '1' },
      lanes: { type: 'string', default: String(availableParallelism()) },
      'at-least': { type: 'string', default: '85' },
      tests: { type: 'string', multiple: true },
      only: { type: 'string' },
    },
  });
  const [sample, seed, lanes, atLeast] = [values.sample, values.seed, values.lanes, values['at-least']].map(Number);
  if (![sample, seed, lanes, atLeast].every((number) => Number.isInteger(number) && number >= 0) || lanes === 0)
    throw new Remedy('--sample, --seed, --lanes and --at-least take whole numbers.');
  return {
    rooms: positionals.length > 0 ? positionals : defaultRooms,
    sample,
    seed,
    lanes,
    atLeast,
    ...values,
    sampleSize: sample,
  };
}

/** What became of one mutant: which spec noticed it, or that none did. */
async function judge(copy, mutant, specs) {
  const source = copy.read(mutant.file);
  const asked = specs.filter(({ covers }) => covers(mutant.file, mutant.line));
  if (asked.length === 0) return { ...mutant, outcome: 'uncovered' };
  copy.write(mutant.file, mutated(source, mutant));
  try {
    for (const { spec, tookMs } of asked) {
      const { ended } = await copy.jest(['--bail', '--runTestsByPath', spec], 20_000 + 5 * tookMs);
      if (ended !== 'passed') return { ...mutant, outcome: ended === 'timeout' ? 'timed out' : 'killed', by: spec };
    }
    return { ...mutant, outcome: 'survived', asked: asked.map(({ spec }) => spec) };
  } finally {
    copy.write(mutant.file, source);
  }
}

async function examine(room, { sampleSize, seed, lanes, tests, only }) {
  const sources = sourcesOf(room);
  if (sources.length === 0) return undefined;
  const specs = specsAt(tests ?? defaultTests(room));
  if (specs.length === 0) throw new Remedy(`${room} has no tests: name some with --tests.`);
  const all = sources.flatMap((path) => mutantsOf(path, readFileSync(join(root, path), 'utf8')));
  const wanted = only === undefined ? all : all.filter(({ id }) => id.includes(only));
  const waiting = sampled(
    wanted.filter(({ id }) => !equivalents.has(id)),
    sampleSize,
    seed,
  );
  const copies = Array.from({ length: lanes }, () => new WorkingCopy());
  try {
    console.log(
      `${room}: ${waiting.length} of ${all.length} mutants, ${specs.length} specs; what each spec runs is measured first`,
    );
    const measured = await coverageOf(copies[0], specs, sources, (spec, output) =>
      console.log(`        ${spec} fails without a mutant, and is not asked:\n${output.trimEnd()}`),
    );
    const judged = [];
    const total = waiting.length;
    const startedAt = performance.now();
    await Promise.all(
      copies.map(async (copy) => {
        for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
          const verdict = await judge(copy, mutant, measured);
          judged.push(verdict);
          if (isAlive(verdict)) console.log(`        ${verdict.outcome}: ${verdict.id} (line ${verdict.line})`);
          if (judged.length % 20 === 0) console.log(`        ${judged.length} of ${total} (${seconds(startedAt)})`);
        }
      }),
    );
    return { room, seed, mutants: all.length, judged };
  } finally {
    for (const copy of copies) copy.remove();
  }
}

const isAlive = ({ outcome }) => outcome === 'survived' || outcome === 'uncovered';

function tell({ room, judged }, atLeast) {
  const alive = judged.filter(isAlive).length;
  const share = judged.length === 0 ? 100 : (100 * (judged.length - alive)) / judged.length;
  const enough = share >= atLeast;
  console.log(
    `${enough ? 'ok     ' : 'FAILED '} ${room}: ${judged.length - alive} of ${judged.length} noticed (${share.toFixed(1)} %, at least ${atLeast} %)`,
  );
  return enough;
}

await main(async (args) => {
  const options = readArguments(args);
  const startedAt = performance.now();
  const reports = [];
  for (const room of options.rooms) {
    const report = await examine(room, options);
    if (report === undefined) console.log(`        ${room}: there is no such room`);
    else reports.push(report);
  }
  if (reports.length === 0) throw new Remedy(`None of these has sources: ${options.rooms.join(', ')}.`);
  mkdirSync(join(root, 'tmp'), { recursive: true });
  writeFileSync(join(root, 'tmp/mutations.json'), JSON.stringify(reports, undefined, 2));
  const enough = reports.filter((report) => tell(report, options.atLeast)).length;
  console.log(`the whole report: tmp/mutations.json (${seconds(startedAt)})`);
  return printSummary({ passed: enough, failed: reports.length - enough });
});
