import type { Change } from '../feed.js';
import type { Revision, WriteOptions, WriteOutcome } from '../item.js';
import type { RedisArgument } from './driver/redis-driver.js';
import { foreignHead } from './foreign-item.js';
import { newRevision, revisionHead, sealItem } from './redis-item.js';
import { driftPerMs } from '../../value/drift-per-ms.js';

/** A change as a script is told it, and what its reply says. */
export interface ToldChange {
  /** Verb, bytes, life, condition. */
  readonly args: readonly [RedisArgument, RedisArgument, RedisArgument, RedisArgument];
  /** It takes memory that a server which is full does not have. */
  readonly takesMemory: boolean;
  /** Of a write: what became of it. `held`: its condition did. */
  readonly outcome: ((held: boolean) => WriteOutcome) | undefined;
}

export interface ChangeFacts {
  /** The key on the wire. */
  readonly wireKey: string;
  readonly session: number;
  readonly maxItemBytes: number;
  /** Epoch ms by the server's clock, if it is known. */
  readonly writtenAt: number | undefined;
}

export function tellChange(change: Change, facts: ChangeFacts): ToldChange {
  if ('remove' in change) return told(['remove', '', '', '']);
  if ('advance' in change) return told(['advance', String(change.by), String(change.seed), '']);
  const { bytes, options } = change;
  const { wireKey, session, maxItemBytes, writtenAt } = facts;
  const { only } = options;
  const refusal = (): WriteOutcome => ({ status: only === 'absent' ? 'exists' : 'changed' });
  const expected = only === undefined ? '' : only === 'absent' ? only : expectedHead(only, session);
  // Nothing that stands there now can be a revision of another session.
  if (expected === undefined) return told(['refuse', '', '', noSuchItem], () => ({ status: 'changed' }));
  if (bytes.length > maxItemBytes) {
    const tooLarge: WriteOutcome = { status: 'too-large', maxBytes: maxItemBytes };
    return told(['refuse', '', '', expected], (held) => (held ? tooLarge : refusal()));
  }
  const revision = newRevision();
  return {
    args: [
      'write',
      sealItem(wireKey, revision, bytes, bytes.length === 0 ? undefined : writtenAt),
      lifeOnTheWire(options),
      expected,
    ],
    takesMemory: true,
    outcome: (held) => (held ? { status: 'stored', revision: { session, number: revision } } : refusal()),
  };
}

/** The same change for a server that is full: what the write would have replaced goes. */
export const withoutMemory = ({ args: [verb, bytes, life, condition], ...rest }: ToldChange): ToldChange =>
  verb === 'write'
    ? { ...rest, args: ['refuse', '', '', condition], takesMemory: false }
    : { ...rest, args: [verb, bytes, life, condition] };

/** What a script compares an item with; undefined: the revision is of another session, and matches nothing. */
export function expectedHead({ session, number }: Revision, present: number): RedisArgument | undefined {
  if (session !== present) return undefined;
  const wide = BigInt(number);
  return wide < 0n ? (foreignHead(wide) ?? String(-wide - 1n)) : revisionHead(wide);
}

/** The revision of a counter says how high it stands. */
export const counterRevision = (digits: string): bigint => -1n - BigInt(digits);

/**
 * Milliseconds from now, or nothing for an item without an end. The server measures them by its wall clock, which NTP may slew, and the holder of a lock by its own
 * monotonic clock: a lock of an hour would end 360 ms early where these are 100 ppm apart. So what may not be shorter is given besides what clocks drift.
 */
export function lifeOnTheWire({ lifeMs, neverShorter }: Pick<WriteOptions, 'lifeMs' | 'neverShorter'>): string {
  if (lifeMs === Infinity) return '';
  const whole = neverShorter === true ? Math.ceil(lifeMs * (1 + driftPerMs)) + 1 : Math.floor(lifeMs);
  return String(Math.max(1, Math.min(whole, longestLifeMs)));
}

/** A hundred and forty thousand years; the server adds it to its clock. */
const longestLifeMs = 2 ** 52;
/** A condition that no item meets: no revision and no counter has one byte of this value. */
const noSuchItem = '-';

function told(args: ToldChange['args'], outcome?: ToldChange['outcome']): ToldChange {
  return { args, takesMemory: false, outcome };
}
