import { lstat, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { GateKeeping } from './commit-gate.js';
import { takeFileLock } from './file-lock.js';
import { isOfThisBoot } from './process-stamp.js';

/** `v2-<namespace>.<boot>`, and what was set aside of it. */
const ofOneContainer = /^v\d+-[^.]+\.([0-9a-f]{8})(?:\.(?:damaged|discarded)-.*)?$/;

/**
 * Removes databases of one container each that an earlier boot has left: nobody opens them any more. A container of this boot may be stopped and come
 * back, so that its database stays, as does one that somebody still has open.
 */
export async function clearPastDatabases(directory: string, keeping: GateKeeping): Promise<void> {
  for (const name of await readdir(directory).catch(() => [])) {
    const boot = ofOneContainer.exec(name)?.[1];
    // What can't be removed can be left.
    if (boot !== undefined && !isOfThisBoot(boot)) await clear(join(directory, name), keeping).catch(() => undefined);
  }
}

async function clear(path: string, keeping: GateKeeping): Promise<void> {
  const { uid } = await lstat(path);
  if (process.getuid && uid !== process.getuid()) return;
  const lock = await takeFileLock(`${path}.lock`, { ...keeping, waitMs: 0, unjudgedWaitMs: 0 });
  try {
    for (const user of await readdir(join(path, 'users')).catch(() => [])) {
      if ((await keeping.livenessOf(user)) !== 'ended') return;
    }
    await rm(path, { recursive: true, force: true });
  } finally {
    await lock.release();
  }
}
