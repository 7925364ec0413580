import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { mainScript } from '../../value/main-script.js';

export type TrialOutcome =
  | { readonly status: 'sound' }
  /** Not read to its end, for lack of time or of something else, and nothing wrong so far. */
  | { readonly status: 'unfinished' }
  | { readonly status: 'damaged'; readonly problem: string };

/**
 * Reads every key and value, for half a second at most, and makes a write that takes pages from the free list and is then undone. A page that lies behind the
 * end of the file, or holds garbage, ends this process by a signal or an error instead of the one that asked.
 */
const script = `
const [, lmdb, path, parent] = process.argv;
const { open, ABORT } = require(lmdb);
const damage = [-30797, -30796, -30795, -30794, -30793, -30780, -30787, -30781];
process.on('uncaughtException', (error) => process.exit(damage.includes(error.code) ? 6 : 7));
// Nobody waits for the answer any more, and others may be writing.
if (process.ppid !== Number(parent)) process.exit(7);
const db = open({ path, noSubdir: false, noSync: true, encoding: 'binary', keyEncoding: 'binary', useVersions: true, maxReaders: 512 });
const until = performance.now() + 500;
let entries = 0;
let last = Buffer.alloc(0);
for (const key of db.getKeys({ start: Buffer.of(0) })) {
  if (Buffer.compare(last, key) >= 0) process.exit(3);
  if (db.getBinaryFast(key) === undefined) process.exit(4);
  last = Buffer.from(key);
  entries++;
  if (performance.now() > until) process.exit(8);
}
if (entries !== db.getStats().entryCount) process.exit(5);
db.transactionSync(() => {
  for (let i = 0; i < 16; i++) db.put(Buffer.of(0, i), Buffer.alloc(40_000), 1);
  return ABORT;
});
process.exit(0);
`;

/** Opens a database that may be damaged in a process of its own. */
export async function tryInChild(folder: string, limitMs: number): Promise<TrialOutcome> {
  const lmdb = locateLmdb();
  if (lmdb === undefined) return { status: 'unfinished' };
  const environment: NodeJS.ProcessEnv = { ...process.env };
  // What this process was started with (a debugger, a loader) is none of the child's business.
  delete environment['NODE_OPTIONS'];
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      ['-e', script, lmdb, folder, `${process.pid}`],
      { timeout: limitMs, killSignal: 'SIGKILL', env: environment },
      (error) => {
        if (!error) return resolve({ status: 'sound' });
        const by = error.signal ?? error.code ?? 'unknown';
        resolve(
          signsOfDamage.has(by)
            ? { status: 'damaged', problem: `reading it ended with ${by}` }
            : { status: 'unfinished' },
        );
      },
    );
  });
}

/**
 * Where the child finds lmdb. In a CommonJS bundle this file has no address (`import.meta` is empty), and lmdb lies beside the bundle: beside the
 * main script, else the working directory.
 */
function locateLmdb(): string | undefined {
  const here: string | undefined = (import.meta as { url?: string }).url;
  for (const base of [here, mainScript(), join(process.cwd(), 'index.js')]) {
    try {
      if (base !== undefined) return createRequire(base).resolve('lmdb');
    } catch {
      // Not from there.
    }
  }
  return undefined;
}

const signsOfDamage = new Set<unknown>(['SIGBUS', 'SIGSEGV', 'SIGABRT', 'SIGILL', 'SIGFPE', 3, 4, 5, 6]);
