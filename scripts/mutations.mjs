// npm run test:mutations [-- src/lock … --sample 400 --seed 1 --tests test/lock --at-least 85 --lanes 1 --continue]: mistakes are put into the sources of a room, one
// at a time, and its tests must notice. What they don't notice is listed: a test is missing, or the change makes no difference. Those that
// make none stand in scripts/mutations/equivalents.json, each with the reason.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Remedy, main, root, seconds } from './commands.mjs';
import { printSummary } from './jest.mjs';
import { Journal } from './mutations/journal.mjs';
import { Lane } from './mutations/lane.mjs';
import { mutantsOf } from './mutations/mutants.mjs';
import { defaultRooms, defaultTests, sourcesOf, specsAt } from './mutations/rooms.mjs';
import { sampled } from './mutations/sample.mjs';

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
      budget: { type: 'string', default: '3000' },
      lanes: { type: 'string', default: '1' },
      'at-least': { type: 'string', default: '85' },
      tests: { type: 'string', multiple: true },
      only: { type: 'string', multiple: true },
      continue: { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
    },
  });
  const named = ['sample', 'seed', 'lanes', 'at-least', 'budget'];
  const [sample, seed, lanes, atLeast, budgetMs] = named.map((name) => Number(values[name]));
  if (
    ![sample, seed, lanes, atLeast, budgetMs].every((number) => Number.isInteger(number) && number >= 0) ||
    lanes === 0
  )
    throw new Remedy('--sample, --seed, --lanes, --at-least and --budget take whole numbers.');
  return {
    ...values,
    rooms: positionals.length > 0 ? positionals : defaultRooms,
    budgetMs,
    seed,
    lanes,
    atLeast,
    sampleSize: sample,
  };
}

async function examine(room, { sampleSize, seed, lanes, tests, only, budgetMs, quick, continue: goesOn }) {
  const sources = sourcesOf(room);
  if (sources.length === 0) return undefined;
  const specs = specsAt(tests ?? defaultTests(room));
  if (specs.length === 0) throw new Remedy(`${room} has no tests: name some with --tests.`);
  const startedAt = performance.now();
  const all = sources.flatMap((path) => mutantsOf(path, readFileSync(join(root, path), 'utf8')));
  const wanted = only === undefined ? all : all.filter(({ id }) => only.some((text) => id.includes(text)));
  const sample = sampled(wanted, sampleSize, seed);
  const mutants = sample
    .filter(({ id }) => !equivalents.has(id))
    .map((mutant, index) => ({ ...mutant, number: index + 1 }));
  console.log(`${room}: ${sample.length} of ${all.length} mutants, ${specs.length} specs`);
  const reports = await Promise.all(
    Array.from({ length: lanes }, async (_, lane) => {
      const journal = new Journal(
        join(root, `tmp/mutations/${room.replaceAll('/', '-')}.${lane}.jsonl`),
        goesOn,
        budgetMs,
      );
      const own = mutants.filter((_, index) => index % lanes === lane);
      await new Lane(journal, own, specs, { budgetMs, quick }).ask();
      return own.map((mutant) => journal.verdict(mutant, specs));
    }),
  );
  const judged = reports.flat();
  for (const verdict of judged.filter(isAlive))
    console.log(`        ${verdict.outcome}: ${verdict.id} (line ${verdict.line})`);
  const excused = sample.filter(({ id }) => equivalents.has(id)).map(({ id }) => ({ id, reason: equivalents.get(id) }));
  return { room, seed, mutants: all.length, took: seconds(startedAt), judged, excused };
}

const isAlive = ({ outcome }) => outcome === 'survived' || outcome === 'uncovered';

/** Those that are no fault are part of the sample, and count as what they are: not noticed. */
function tell({ room, judged, excused, took }, atLeast) {
  const alive = judged.filter(isAlive).length;
  const asked = judged.length + excused.length;
  const share = asked === 0 ? 100 : (100 * (judged.length - alive)) / asked;
  const enough = share >= atLeast;
  console.log(
    `${enough ? 'ok     ' : 'FAILED '} ${room}: ${judged.length - alive} of ${asked} noticed (${share.toFixed(1)} %, at least ${atLeast} %), ${excused.length} are no fault, ${alive} have no test (${took})`,
  );
  return enough;
}

// What a lane has started ends with it.
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(130));

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
