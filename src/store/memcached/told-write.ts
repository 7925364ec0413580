import type { Clock } from '../../value/clock.js';
import type { Revision, WriteOptions, WriteOutcome } from '../store.js';
import { codeOf, valueOf } from './conversation.js';
import type { Command, Reply } from './conversation.js';
import { lifeGiven, lifeOnTheWire } from './seconds-to-live.js';
import { clockQuestion } from './server-clock.js';
import type { ServerClock } from './server-clock.js';
import { ServerError } from './server-error.js';

/** A write as it is told to a server, and what its reply says. */
export interface ToldWrite {
  /** None: nothing needs to be asked. */
  readonly commands: readonly Command[];
  /** It removes, whatever is there, and may be carried out more than once. */
  readonly removes: boolean;
  /** Undefined: the replies are none to such commands. An error: it may have been carried out, and not as it was told. */
  outcome(replies: readonly Reply[]): WriteOutcome | Error | undefined;
}

/** Who is told. */
export interface Listener {
  /** Of the connection. */
  readonly session: number;
  readonly clock: Clock;
  readonly serverClock: ServerClock;
}

/** @param maxBytes more is too large. */
export function tellWrite(
  storeKey: string,
  bytes: Uint8Array,
  options: WriteOptions,
  maxBytes: number,
  to: Listener,
): ToldWrite {
  const { only, lifeMs, neverShorter = false, irreplaceable = false } = options;
  const { session, clock } = to;
  if (typeof only === 'object' && only.session !== session)
    return { commands: [], removes: false, outcome: () => ({ status: 'changed' }) };
  if (bytes.length > maxBytes) return refuse(storeKey, maxBytes, only);
  if (irreplaceable && only) return tellExactWrite(storeKey, bytes, { ...options, only }, to);
  const condition = only === undefined ? '' : only === 'absent' ? ' ME' : ` C${only.number}`;
  const line = `ms ${storeKey} ${bytes.length} c ${lifeOnTheWire(lifeMs, neverShorter, clock)}${condition}`;
  return new ToldStore([{ line, body: bytes }], maxBytes, session);
}

class ToldStore implements ToldWrite {
  readonly removes = false;

  constructor(
    readonly commands: readonly [Command],
    private readonly maxBytes: number,
    private readonly session: number,
  ) {}

  outcome([reply]: readonly Reply[]): WriteOutcome | undefined {
    switch (codeOf(reply)) {
      case 'HD':
        return stored(reply, this.session);
      case 'NS':
        return { status: 'exists' };
      case 'EX':
      case 'NF':
        return { status: 'changed' };
      default:
        return isTooLarge(reply) ? { status: 'too-large', maxBytes: this.maxBytes } : undefined;
    }
  }
}

/**
 * A conditional write that removes nothing when the server has no room for it. memcached allocates before it looks at a condition; where that fails, `ms`
 * unlinks whatever stands under the key, also where the condition would have failed: 1. A holds a lock, on a server that is full (`-M`). 2. B's `ms … ME`
 * finds no room, and A's lock is gone. 3. B asks again, and has it. `add` and `cas` of the older protocol leave it alone (proto_text.c of 1.6.18, and of
 * later ones, process_update_command and process_mset_command).
 *
 * Their answer tells no revision, so the item is read in the same trip. It counts as stored only if it still stands then, so that
 * the revision is its own. What must not end sooner counts only if the server's clock goes on: by one that stands its life may be over at the next tick.
 */
function tellExactWrite(
  storeKey: string,
  bytes: Uint8Array,
  { only, lifeMs, neverShorter = false }: WriteOptions & { readonly only: 'absent' | Revision },
  { session, clock, serverClock }: Listener,
): ToldWrite {
  const { seconds, given } = lifeGiven(lifeMs, neverShorter, clock);
  const item = `${storeKey} ${given} ${seconds} ${bytes.length}`;
  const line = only === 'absent' ? `add ${item}` : `cas ${item} ${only.number}`;
  const written = Buffer.from(bytes);
  const refused: WriteOutcome = { status: only === 'absent' ? 'exists' : 'changed' };
  const sentAt = clock.monotonic();
  const commands = [{ line, body: written, isClassic: true } as const, { line: `mg ${storeKey} v c` }];
  return {
    // What is heard of the clock before the write is of no later moment than the life that it gives.
    commands: neverShorter ? [clockQuestion, ...commands] : commands,
    removes: false,
    outcome: (replies) => {
      const clockGoesOn = !neverShorter || serverClock.note(session, replies[0], sentAt);
      const [answer, found] = replies.slice(-commands.length);
      switch (codeOf(answer)) {
        case 'STORED':
          if (!clockGoesOn) return new Error('its clock stands: the life that it gave may end at once');
          if (codeOf(found) === 'EN') return refused;
          return valueOf(found)?.equals(written) === false ? refused : stored(found, session);
        case 'NOT_STORED':
        case 'EXISTS':
        case 'NOT_FOUND':
          return refused;
        default:
          return undefined;
      }
    },
  };
}

/**
 * The server would remove the older item when it refuses a larger one, whatever the condition. So the larger one never leaves, and the older is
 * removed on purpose, only where the write would have replaced it.
 */
function refuse(storeKey: string, maxBytes: number, only: WriteOptions['only']): ToldWrite {
  const tooLarge = { status: 'too-large', maxBytes } as const;
  if (only === 'absent') {
    return {
      commands: [{ line: `mg ${storeKey}` }],
      removes: false,
      outcome: ([reply]) =>
        codeOf(reply) === 'HD' ? { status: 'exists' } : codeOf(reply) === 'EN' ? tooLarge : undefined,
    };
  }
  return {
    commands: [{ line: `md ${storeKey}${only ? ` C${only.number}` : ''}` }],
    removes: only === undefined,
    outcome: ([reply]) => {
      const code = codeOf(reply);
      if (code === 'HD' || (code === 'NF' && !only)) return tooLarge;
      return code === 'NF' || code === 'EX' ? { status: 'changed' } : undefined;
    },
  };
}

/** Undefined: the reply tells no revision. */
function stored(reply: Reply | undefined, session: number): WriteOutcome | undefined {
  const number = reply && 'code' in reply ? reply.revision : undefined;
  if (number === undefined || !Number.isSafeInteger(number)) return undefined;
  return { status: 'stored', revision: { session, number } satisfies Revision };
}

const isTooLarge = (reply: Reply | undefined): boolean =>
  reply instanceof ServerError && reply.message.includes('too large');
