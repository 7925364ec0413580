import { closeSync, constants, fstatSync, lstatSync, openSync, readFileSync, readlinkSync, writeSync } from 'node:fs';
import { readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../value/clock.js';
import { UnjudgedHolderError } from './file-lock.js';
import { mayStillWrite } from './liveness.js';
import type { Liveness } from './liveness.js';

/** The folder that a process has open is no longer in its place: what it commits there is seen by nobody who opens the place later. */
export class FolderMovedError extends Error {
  constructor(folder: string) {
    super(`${folder} was moved or removed`);
  }
}

/** Stands between the transactions of the processes that have a database open, and an opening by another process. */
export interface CommitGate {
  /** Before a transaction begins; waits while somebody opens. @throws FolderMovedError */
  enter(): Promise<void>;
  /** Before an answer that needs no transaction. @throws FolderMovedError */
  assertInPlace(): void;
  /** After it was committed. */
  leave(): void;
  close(): void;
}

/** One byte for each process that can have the database open. */
export const gateBytes = 4_096;

/** Whoever passes a gate, and how the others are judged. */
export interface GateKeeping {
  readonly stamp: string;
  readonly livenessOf: (stamp: string) => Promise<Liveness>;
  readonly clock: Clock;
}

const idle = Buffer.of(0);
const busy = Buffer.of(1);
const settleMs = 2;
const looksBetweenJudgements = 20;
const endingWaitMs = 500;
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
 * An opener may set the folder aside between 5 and 6, and its mark goes with it. A writer that finds no mark at 2 therefore looks whether the gate
 * in the place is still its own. While it has that open, no other file gets its inode.
 *
 * @param slot the process's own, given to it while it held the right to open.
 */
export function commitGate(folder: string, slot: number, { livenessOf, clock }: GateKeeping): CommitGate {
  const mark = openingMark(folder);
  const file = openSync(gateFile(folder), constants.O_RDWR | (constants.O_NOFOLLOW ?? 0));
  const { ino } = fstatSync(file);
  let open = true;
  let left: string | undefined;
  const say = (state: Buffer): void => {
    if (open) writeSync(file, state, 0, 1, slot);
  };
  /** The mark of an opener that ended is none. It is left to the next opener, who alone may remove it. */
  const isSet = (): boolean => {
    // Asked before each transaction: two microseconds where there is none, without an error to build.
    if (!lstatSync(mark, { throwIfNoEntry: false })) return false;
    const opener = contentOf(mark);
    return opener !== undefined && opener !== left;
  };
  const assertInPlace = (): void => {
    if (lstatSync(gateFile(folder), { throwIfNoEntry: false })?.ino !== ino) throw new FolderMovedError(folder);
  };
  try {
    say(idle);
  } catch (error) {
    closeSync(file);
    throw error;
  }
  return {
    assertInPlace,
    async enter() {
      for (let looks = 1; ; looks++) {
        say(busy);
        if (!isSet()) return assertInPlace();
        say(idle);
        await clock.sleep(1);
        const opener = looks % looksBetweenJudgements === 0 ? contentOf(mark) : undefined;
        if (opener !== undefined && (await livenessOf(opener)) === 'ended') left = opener;
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
 * Keeps the others from committing until the returned function is called. Only for who holds the right to open.
 *
 * A thread that ends in a transaction, before this wait or during it, may have left it to lmdb, which is still writing: a while is all it gets.
 *
 * @param others all that have the database open, or had when they ended.
 * @throws Error when one that runs stays busy for longer than `waitMs`, or another opener is at it; UnjudgedHolderError.
 */
export async function holdCommits(
  folder: string,
  others: readonly GateUser[],
  waitMs: number,
  { stamp, livenessOf, clock }: GateKeeping,
): Promise<() => Promise<void>> {
  const mark = openingMark(folder);
  const present = contentOf(mark);
  const opener = present === undefined ? 'ended' : await livenessOf(present);
  if (opener === 'unknown') throw new UnjudgedHolderError(mark, present ?? '');
  if (opener === 'ended') await rm(mark, { force: true });
  await (process.platform === 'win32' ? writeFile(mark, stamp, { flag: 'wx' }) : symlink(stamp, mark));
  const release = (): Promise<void> => rm(mark, { force: true });
  const startedAt = clock.monotonic();
  const endedAt = new Map<GateUser, number>();
  const isWaitedFor = async (user: GateUser, nowMs: number): Promise<boolean> => {
    const foundAt = endedAt.get(user);
    if (foundAt !== undefined) return nowMs - foundAt < endingWaitMs;
    if ((await livenessOf(user.stamp)) !== 'ended') return true;
    if (!mayStillWrite(user.stamp)) return false;
    endedAt.set(user, nowMs);
    return true;
  };
  try {
    let unseen = others;
    while (unseen.length > 0) {
      await clock.sleep(settleMs);
      const slots = await readFile(gateFile(folder));
      const nowMs = clock.monotonic();
      const stillBusy: GateUser[] = [];
      for (const user of unseen) {
        if (slots[user.slot] === busy[0] && (await isWaitedFor(user, nowMs))) stillBusy.push(user);
      }
      unseen = stillBusy;
      const stuck = unseen.find((user) => !endedAt.has(user));
      if (stuck && nowMs - startedAt > waitMs) {
        throw new Error(`process ${stuck.stamp} does not finish its transaction`);
      }
    }
    return release;
  } catch (error) {
    await release();
    throw error;
  }
}

function contentOf(mark: string): string | undefined {
  try {
    return process.platform === 'win32' ? readFileSync(mark, 'latin1') : readlinkSync(mark);
  } catch {
    return undefined;
  }
}
