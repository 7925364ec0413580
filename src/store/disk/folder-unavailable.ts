import { StoreUnavailableError } from '../../value/errors.js';

const remedy = 'Check that the folder is there, that this process may write to it, and that its disk has room.';

/** A folder is no server: nothing has to run or to be reached. */
export function folderUnavailable(name: string, problem: string, cause?: unknown): StoreUnavailableError {
  return new StoreUnavailableError(name, problem, { remedy, ...(cause !== undefined && { cause }) });
}

/** Reads go on, and a fault of the database's own says what is wrong. */
export function writeRefused(name: string, problem: string, cause?: unknown): StoreUnavailableError {
  return new StoreUnavailableError(name, problem, { remedy, isRefusal: true, ...(cause !== undefined && { cause }) });
}
