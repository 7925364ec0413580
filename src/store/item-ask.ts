import type { ItemView, StoredItem } from './item.js';

/** Told what became of a question: the guard that let it pass. */
export interface AskWatcher {
  askAnswered(): void;
  /** @returns what the asker is told. */
  askFailed(error: unknown): unknown;
}

/** An item, or a stub where nothing lies, as a question is told of it. What it says is another's after the call. */
export interface ItemAnswer extends ItemView {
  bytes: Buffer;
  start: number;
  end: number;
  /** With `revision`, the item's `Revision`. */
  readonly session: number;
  readonly revision: number | bigint;
  /** The stub was put there for this question. */
  readonly won: boolean;
}

/** The item that an answer tells of, with bytes of its own. */
export function itemOf({
  bytes,
  start,
  end,
  session,
  revision,
  won,
  ageMs,
}: ItemAnswer): StoredItem & { won: boolean } {
  const item = { bytes: Buffer.from(bytes.subarray(start, end)), revision: { session, number: revision }, won };
  return ageMs === undefined ? item : { ...item, ageMs };
}

/**
 * A read of one item with the intent to load it where there is none (`readOrStub` of one key), which is itself what waits for the answer: on its way
 * down and back no promise, closure or reply is made for it. Whoever answers calls `answer` or `refuse`, once.
 */
export abstract class ItemAsk {
  /** The guard that it passed. */
  watcher: AskWatcher | undefined = undefined;
  /** Told first what lies there: it verifies that where it lies, and leaves of it what the asker may know. */
  opener: ((storeKey: string, found: ItemAnswer) => void) | undefined = undefined;

  constructor(
    readonly storeKey: string,
    /** How long a stub lives that is put where nothing is. */
    readonly stubMs: number,
  ) {}

  answer(found: ItemAnswer): void {
    this.watcher?.askAnswered();
    this.opener?.(this.storeKey, found);
    this.take(found);
  }

  refuse(error: unknown): void {
    this.fail(this.watcher ? this.watcher.askFailed(error) : error);
  }

  /** Never throws: it is called by a parser. */
  protected abstract take(found: ItemAnswer): void;

  protected abstract fail(error: unknown): void;
}
