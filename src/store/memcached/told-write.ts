import type { Clock } from '../../value/clock.js';
import type { Revision, WriteOptions, WriteOutcome } from '../store.js';
import { codeOf } from './conversation.js';
import type { Command, Reply } from './conversation.js';
import { lifeOnTheWire } from './seconds-to-live.js';
import { ServerError } from './server-error.js';

/** A write as it is told to a server, and what its reply says. */
export interface ToldWrite {
  /** Undefined: nothing needs to be asked. */
  readonly command: Command | undefined;
  /** It removes, whatever is there, and may be carried out more than once. */
  readonly removes: boolean;
  /** Undefined: the reply is none to such a command. */
  outcome(reply: Reply | undefined): WriteOutcome | undefined;
}

/** A write as it is told over the connection of that session. @param maxBytes more is too large. */
export function tellWrite(
  storeKey: string,
  bytes: Uint8Array,
  options: WriteOptions,
  maxBytes: number,
  session: number,
  clock: Clock,
): ToldWrite {
  const { only, lifeMs, neverShorter = false } = options;
  if (typeof only === 'object' && only.session !== session)
    return { command: undefined, removes: false, outcome: () => ({ status: 'changed' }) };
  if (bytes.length > maxBytes) return refuse(storeKey, maxBytes, only);
  const condition = only === undefined ? '' : only === 'absent' ? ' ME' : ` C${only.number}`;
  const line = `ms ${storeKey} ${bytes.length} c ${lifeOnTheWire(lifeMs, neverShorter, clock)}${condition}`;
  return new ToldStore({ line, body: bytes }, maxBytes, session);
}

class ToldStore implements ToldWrite {
  readonly removes = false;

  constructor(
    readonly command: Command,
    private readonly maxBytes: number,
    private readonly session: number,
  ) {}

  outcome(reply: Reply | undefined): WriteOutcome | undefined {
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
 * The server would remove the older item when it refuses a larger one, whatever the condition. So the larger one never leaves, and the older is
 * removed on purpose, only where the write would have replaced it.
 */
function refuse(storeKey: string, maxBytes: number, only: WriteOptions['only']): ToldWrite {
  const tooLarge = { status: 'too-large', maxBytes } as const;
  if (only === 'absent') {
    return {
      command: { line: `mg ${storeKey}` },
      removes: false,
      outcome: (reply) =>
        codeOf(reply) === 'HD' ? { status: 'exists' } : codeOf(reply) === 'EN' ? tooLarge : undefined,
    };
  }
  return {
    command: { line: `md ${storeKey}${only ? ` C${only.number}` : ''}` },
    removes: only === undefined,
    outcome: (reply) => {
      const code = codeOf(reply);
      if (code === 'HD' || (code === 'NF' && !only)) return tooLarge;
      return code === 'NF' || code === 'EX' ? { status: 'changed' } : undefined;
    },
  };
}

function stored(reply: Reply | undefined, session: number): WriteOutcome | undefined {
  const number = reply && 'code' in reply ? reply.revision : undefined;
  if (number === undefined || !Number.isSafeInteger(number)) return undefined;
  return { status: 'stored', revision: { session, number } satisfies Revision };
}

const isTooLarge = (reply: Reply | undefined): boolean =>
  reply instanceof ServerError && reply.message.includes('too large');
