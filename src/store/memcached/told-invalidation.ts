import type { Change } from '../feed.js';
import type { WriteOutcome } from '../store.js';
import type { Command, Reply } from './conversation.js';
import type { ToldWrite } from './told-write.js';

type WriteChange = Extract<Change, { readonly write: string }>;

/** The changes of an invalidation as they are told to a server, and what the replies to them say. */
export interface ToldInvalidation {
  readonly changes: readonly Command[];
  /** Removals and advances once more. */
  readonly again: readonly Command[];
  outcomes(
    replies: readonly Reply[],
    outcomeOf: (write: ToldWrite, replies: readonly Reply[]) => WriteOutcome,
    understood: (reply: Reply | undefined) => unknown,
  ): WriteOutcome[];
}

export function tellInvalidation(
  changes: readonly Change[],
  tellWrite: (change: WriteChange) => ToldWrite,
): ToldInvalidation {
  const told = changes.map((change): Command | ToldWrite => {
    if ('remove' in change) return { line: `md ${change.remove}` };
    if ('advance' in change) return { line: `ma ${change.advance} N0 J${change.seed} D${change.by}` };
    return tellWrite(change);
  });
  return {
    changes: told.flatMap(commandsOf),
    again: told.flatMap((each) => ('line' in each ? each : each.removes ? each.commands : [])),
    outcomes: (replies, outcomeOf, understood) => {
      const left = [...replies];
      return told.flatMap((each) => {
        const own = left.splice(0, commandsOf(each).length);
        if (!('line' in each)) return outcomeOf(each, own);
        understood(own[0]);
        return [];
      });
    },
  };
}

const commandsOf = (told: Command | ToldWrite): readonly Command[] => ('line' in told ? [told] : told.commands);
