import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { verify } from '../harness.js';
import type { Benchmark, Comparison } from '../harness.js';
import { startMemcached } from '../support/servers.js';
import type { BenchServer } from '../support/servers.js';
import { ours } from '../support/subjects.js';

const fullProcesses = 4;
const callers = 250;
const worker = fileURLToPath(new URL('../support/stampede-worker.ts', import.meta.url));

export const benchmark: Benchmark = {
  name: 'stampede',
  unit: 'loads, then ms',
  title: 'A stampede on memcached',
  work: '4 processes × 250 callers, cold key, 100 ms loader',
  meaning:
    'A key that everybody wants has expired. Here the fleet loads it once. Other libraries load it once per process: with 50 processes, 50 times.',
  aims: [
    { of: 'loads', figure: 'median', unit: 'load', atMost: 1 },
    { of: 'p99 ms', figure: 'median', unit: 'ms', atMost: 200 },
  ],
  remark:
    'The loader takes 100 ms: nobody can have the value earlier. Whoever waits for another process asks again at short intervals.',
  rounds: 5,
  prepare: (smoke) => prepareStampede(smoke, startMemcached, [ours, 'cache-manager', 'layered-loader']),
};

/** Loads are counted in a file that every process appends to; waits are of all callers of all processes. */
export async function prepareStampede(
  smoke: boolean,
  startServer: () => Promise<BenchServer>,
  names: readonly [string, ...string[]],
): ReturnType<Benchmark['prepare']> {
  const processes = smoke ? 2 : fullProcesses;
  const server = await startServer();
  const folder = mkdtempSync(join(tmpdir(), 'bench-stampede-'));
  const fleets = new Map<string, { children: ChildProcess[]; journal: string; p99: number[] }>();
  for (const name of names) {
    const journal = join(folder, name);
    writeFileSync(journal, '');
    const children = Array.from({ length: processes }, () =>
      fork(worker, [name, server.address, journal, `${callers}`]),
    );
    await Promise.all(
      children.map(async (child) => verify((await message(child)) === 'ready', `${name} did not start`)),
    );
    fleets.set(name, { children, journal, p99: [] });
  }
  let round = 0;
  const run = async (name: string): Promise<number> => {
    const fleet = fleets.get(name) as { children: ChildProcess[]; journal: string; p99: number[] };
    writeFileSync(fleet.journal, '');
    const key = `cold:${name}:${round++}`;
    const answers = fleet.children.map((child) => message(child) as Promise<number[]>);
    for (const child of fleet.children) child.send(key);
    const waits = (await Promise.all(answers)).flat().toSorted((one, other) => one - other);
    verify(waits.length === processes * callers, 'a caller got no answer');
    fleet.p99.push(waits[Math.floor(waits.length * 0.99)] as number);
    return readFileSync(fleet.journal, 'utf8').split('\n').length - 1;
  };
  const [baseline] = names;
  const loads: Comparison = {
    variant: 'loads',
    baseline,
    subjects: names.map((name) => ({ name, round: () => run(name) })),
  };
  const p99: Comparison = {
    variant: 'p99 ms',
    baseline,
    subjects: names.map((name) => ({
      name,
      round: async () => {
        await run(name);
        return fleets.get(name)?.p99.at(-1) ?? NaN;
      },
    })),
  };
  const close = async (): Promise<void> => {
    for (const { children } of fleets.values()) for (const child of children) child.disconnect();
    await server.stop();
    rmSync(folder, { recursive: true });
  };
  return { comparisons: [loads, p99], close };
}

function message(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    child.once('message', resolve);
    child.once('exit', (code) => reject(new Error(`a worker exited with ${code}`)));
  });
}
