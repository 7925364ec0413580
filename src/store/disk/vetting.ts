import { readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isClean } from './clean-mark.js';
import { DamagedFileError, inspectDataFile } from './data-file.js';
import type { DataFile } from './data-file.js';
import { bootName } from './process-stamp.js';
import { tryInChild } from './trial-open.js';

const trialLimitMs = 1_200;

/** Why a database is not taken over. A damaged one is kept for whoever wants to know. */
export interface Refusal {
  readonly kind: 'damaged' | 'discarded';
  readonly problem: string;
}

/**
 * Looks at a database before it is mapped.
 *
 * @param inUse others have it open, and vouch for it unless one of them left the mark `suspect`.
 * @returns what is wrong with it; undefined: nothing, or there is none.
 */
export async function vet(path: string, inUse: boolean, maxFileBytes: number): Promise<Refusal | undefined> {
  const suspected = await exists(join(path, 'suspect'));
  try {
    const file = await inspectDataFile(join(path, 'data.mdb'));
    if (!file || (inUse && !suspected)) return undefined;
    if (file.bytes > maxFileBytes) {
      return { kind: 'discarded', problem: 'its file is larger than maxBytes allows, and a file never shrinks' };
    }
    return (await isClean(path, file)) && !suspected ? undefined : await tryOut(path, file);
  } catch (error) {
    if (!(error instanceof DamagedFileError)) throw error;
    return { kind: 'damaged', problem: error.message };
  }
}

/** The name of the boot in which it was used last. */
export async function bootOf(path: string): Promise<string | undefined> {
  return readFile(join(path, 'boot'), 'latin1').catch(() => undefined);
}

async function tryOut(path: string, file: DataFile): Promise<Refusal | undefined> {
  if ((await bootOf(path)) !== bootName()) {
    return { kind: 'discarded', problem: 'the machine was restarted while it was open' };
  }
  const outcome = await tryInChild(path, trialLimitMs);
  if (outcome.status === 'damaged') return { kind: 'damaged', problem: outcome.problem };
  // Pages may be missing at the end for good reasons, which only a full reading tells from a cut.
  if (outcome.status === 'unfinished' && file.bytes < file.usedBytes) {
    return { kind: 'damaged', problem: 'it is cut off' };
  }
  await rm(join(path, 'suspect'), { force: true });
  return undefined;
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
