import { closeSync, lstatSync, openSync, readFileSync, readlinkSync, writeSync } from 'node:fs';
import { readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../../value/clock.js';
import { isRunning, ownStamp } from './process-stamp.js';

/** Stands between the transactions of the processes that have a database open, and an opening by another process. */
export interface CommitGate {
  /** Before a transaction begins; waits while somebody opens. */
  enter(): Promise<void>;
  /** After it was committed. */
  leave(): void;
  close(): void;
}

/** One byte for each process that can have the database open. */
export const gateBytes = 4_096;

const idle = Buffer.of(0);
const busy = Buffer.of(1);
const settleMs = 2;
const gateFile = (folder: string): string => join(folder, 'gate');
const openingMark = (folder: string): string => join(folder, 'opening');

/**
 * When LMDB opens (0.9.90 in lmdb 3.5.6, `mdb_env_open2`), it reads the last transaction's number from the file, and some microseconds
 * later stores it as the number that all processes go on from. A commit of another process in between is forgotten: the next
 * transaction is built on the one before, and takes the same number and the same pages. So nobody commits while somebody opens:
 *
 * 1. A writer marks its slot busy.  2. It looks for the mark `opening`.  3. If there is none it commits, and marks its slot idle.
 * 4. An opener sets the mark `opening`.  5. It waits until it has seen each living user idle.  6. It opens, and removes its mark.
 *
 * Whichever of 1 and 4 comes first, the later sees it: a writer that is late finds the mark at 2, marks itself idle and waits; an
 * opener that is late waits at 5. Both are writes and reads of files, which every process sees in the same order.
 *
 * @param slot the process's own, given to it while it held the right to open.
 */
export function commitGate(folder: string, slot: number): CommitGate {
  const mark = openingMark(folder);
  const file = openSync(gateFile(folder), 'r+');
  let open = true;
  const say = (state: Buffer): void => {
    if (open) writeSync(file, state, 0, 1, slot);
  };
  say(idle);
  return {
    async enter() {
      for (;;) {
        say(busy);
        if (!isSet(mark)) return;
        say(idle);
        await systemClock.sleep(1);
      }
    },
    leave: () => say(idle),
    close() {
      if (open) closeSync(file);
      open = false;
    },
  };
}

/** Somebody who has the database open, and the slot it says busy in. */
export interface GateUser {
  readonly slot: number;
  readonly stamp: string;
}

/**
 * Keeps the others from committing until the returned function is called.
 *
 * @throws Error when one stays busy for longer than `waitMs`.
 */
export async function holdCommits(
  folder: string,
  others: readonly GateUser[],
  waitMs: number,
): Promise<() => Promise<void>> {
  const mark = openingMark(folder);
  if (!isSet(mark)) await rm(mark, { force: true });
  await (process.platform === 'win32' ? writeFile(mark, ownStamp, { flag: 'wx' }) : symlink(ownStamp, mark));
  const release = (): Promise<void> => rm(mark, { force: true });
  const giveUpAt = performance.now() + waitMs;
  try {
    let unseen = others;
    while (unseen.length > 0) {
      await systemClock.sleep(settleMs);
      const slots = await readFile(gateFile(folder));
      unseen = unseen.filter(({ slot, stamp }) => slots[slot] === busy[0] && isRunning(stamp));
      if (unseen[0] && performance.now() > giveUpAt) {
        throw new Error(`process ${unseen[0].stamp} does not finish its transaction`);
      }
    }
    return release;
  } catch (error) {
    await release();
    throw error;
  }
}

/** The mark of an opener that died is none. */
function isSet(mark: string): boolean {
  // Asked before each transaction: two microseconds where there is none, without an error to build.
  if (!lstatSync(mark, { throwIfNoEntry: false })) return false;
  try {
    return isRunning(process.platform === 'win32' ? readFileSync(mark, 'latin1') : readlinkSync(mark));
  } catch {
    return false;
  }
}
