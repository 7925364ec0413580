import { StoreUnavailableError } from '../value/errors.js';
import { reportFault } from '../value/events.js';
import type { Shard, StoredItem } from './store.js';

/** Far above the microseconds of this century, and with room to count on. A counter beyond it was not counted there. */
export const maxCounter = Number.MAX_SAFE_INTEGER - 2 ** 40;

/** Whether a counter can have come to this number. */
export function isCounter(number: number | undefined): number is number {
  return number !== undefined && Number.isSafeInteger(number) && number >= 0 && number <= maxCounter;
}

/** Nothing is wrong with the store. */
export const noCounter = (shard: string, storeKey: string): StoreUnavailableError =>
  new StoreUnavailableError(shard, `${storeKey} holds no counter`, {
    remedy: 'Remove it, or count under another key.',
  });

/** The number that an item reads as; NaN: it is no counter. Spaces follow a counter on memcached. */
export function numberIn({ bytes }: Pick<StoredItem, 'bytes'>): number {
  const digits = bytes.length > 24 ? '' : bytes.toString('latin1').trimEnd();
  return /^\d{1,20}$/.test(digits) ? Number(digits) : NaN;
}

/**
 * What the counter stands at, or the seed, for counters that the clock can replace. What stands there and is no number to count on, a text or one at the end of all numbers,
 * is removed by its revision, reported, and begun anew at the seed: whoever can write to the store can't stop it for good.
 * @throws StoreUnavailableError
 */
export async function countOn(shard: Shard, storeKey: string, seed: number): Promise<number> {
  try {
    const sum = await shard.increment(storeKey, 0, seed);
    if (isCounter(sum)) return sum;
  } catch (error) {
    if (!(error instanceof StoreUnavailableError) || !(await removeUnsound(shard, storeKey))) throw error;
    return shard.increment(storeKey, 0, seed);
  }
  await removeUnsound(shard, storeKey);
  return shard.increment(storeKey, 0, seed);
}

async function removeUnsound(shard: Shard, storeKey: string): Promise<boolean> {
  const [item] = await shard.readMany([storeKey]);
  if (!item || isCounter(numberIn(item))) return false;
  const message = 'A counter held what no process has counted. It was begun anew.';
  reportFault({ source: shard.name, kind: 'undecodable', message, key: storeKey });
  await shard.remove(storeKey, item.revision);
  return true;
}
