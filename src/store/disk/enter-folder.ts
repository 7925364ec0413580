import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { reportFault } from '../../value/events.js';
import { isDamage } from './environment.js';
import type { Environment } from './environment.js';
import { diskFormat, DiskFolder } from './disk-folder.js';
import type { DiskTuning } from './disk-tuning.js';
import type { Entered } from './disk-folder.js';
import { UnjudgedHolderError } from './file-lock.js';
import { ownPlace } from './process-stamp.js';

/**
 * Enters the directory's database, or where nobody can tell whether it is in use one of this container's own.
 *
 * @throws UsedElsewhereError, ForeignFolderError, what the file system or `open` says.
 */
export async function enterFolder(
  name: string,
  directory: string,
  tuning: DiskTuning,
  open: (path: string) => Environment,
): Promise<Entered<Environment> & { readonly folder: DiskFolder }> {
  const enter = async (own?: string): Promise<Entered<Environment> & { readonly folder: DiskFolder }> => {
    const folder = new DiskFolder(directory, {
      maxBytes: tuning.maxBytes,
      clock: tuning.clock,
      without: tuning.without,
      onRefusal: ({ kind, problem }) =>
        reportFault({
          source: name,
          kind: kind === 'damaged' ? 'damaged' : 'degraded',
          message: `The database was set aside, and an empty one started: ${problem}.`,
        }),
      ...(own === undefined ? undefined : { name: own }),
    });
    return { folder, ...(await folder.enter(() => open(folder.path), isDamage)) };
  };
  try {
    return await enter();
  } catch (error) {
    if (!(error instanceof UnjudgedHolderError)) throw error;
    const own = `${diskFormat}-${ownPlace()}`;
    // A visitor makes none.
    if (tuning.maxBytes === Infinity && !existsSync(join(directory, own, 'data.mdb'))) throw error;
    const message = `A database of this container's own is used, which the others don't see: ${error.message}. Give each container a folder of its own, or a file system that has sockets.`;
    reportFault({ source: name, kind: 'degraded', message, cause: error });
    return enter(own);
  }
}
