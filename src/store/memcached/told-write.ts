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

export interface Told {
  readonly storeKey: string;
  readonly bytes: Uint8Array;
  readonly options: WriteOptions;
  /** More than this is too large. */
  readonly maxBytes: number;
  /** Of the connection that will carry it. */
  readonly session: number;
  readonly clock: Clock;
}

export function tellWrite(told: Told): ToldWrite {
  const { storeKey, bytes, options, maxBytes, session, clock } = told;
  const { only } = options;
  if (typeof only === 'object' && only.session !== session)
    return { command: undefined, removes: false, outcome: () => ({ status: 'changed' }) };
  if (bytes.length > maxBytes) return refuse(storeKey, maxBytes, only);
  const condition = only === undefined ? '' : only === 'absent' ? ' ME' : ` C${only.number}`;
  const line = `ms ${storeKey} ${bytes.length} c ${lifeOnTheWire(options.lifeMs, options.neverShorter === true, clock)}${condition}`;
  return {
    command: { line, body: bytes },
    removes: false,
    outcome: (reply) => {
      switch (codeOf(reply)) {
        case 'HD':
          return stored(reply, session);
        case 'NS':
          return { status: 'exists' };
        case 'EX':
        case 'NF':
          return { status: 'changed' };
        default:
          return isTooLarge(reply) ? { status: 'too-large', maxBytes } : undefined;
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
