import { StoreUnavailableError } from './errors.js';

/** What the work brings; `undefined` where the store can't be reached. @throws whatever else the work throws. */
export async function unlessAway<R>(work: () => Promise<R> | undefined): Promise<R | undefined> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof StoreUnavailableError) return undefined;
    throw error;
  }
}
