import { driftPerMs } from '../value/drift-per-ms.js';
import { leaseMs, leaseRenewalMs } from './fill-lease.js';

/**
 * The life of an item that is about to end and must outlive its load. memcached writes an item anew that is given a shorter life than it has left, unless it was
 * to live for more than 30 days: its revision would be another. So what an item is given is always the same,
 *
 * - where its life slides, as much as by each use: neither is the shorter one;
 * - else two leases, and what a store may have in mind beyond the end: four seconds, and a two-thousandth of the whole life. By no more than that does it seem
 *   younger to whoever has a wall clock that is late.
 *
 * @param lifeMs from when the entry was made until it is of no use.
 */
export function keptMs(lifeMs: number, idleMs?: number): number {
  if (idleMs === undefined) return 2 * leaseMs + 4_000 + Math.max(0, lifeMs) * driftPerMs;
  // What lives for less than a renewal takes would be gone before it.
  return Math.max(idleMs, 2 * leaseRenewalMs);
}
