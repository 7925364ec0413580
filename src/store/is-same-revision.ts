import type { Revision } from './item.js';

/** Whether both name one state of one item; or none, where both are absent. */
export function isSameRevision(one: Revision | undefined, other: Revision | undefined): boolean {
  return one?.session === other?.session && one?.number === other?.number;
}
