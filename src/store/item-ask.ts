/** Told what became of a question: the guard that let it pass. */
export interface AskWatcher {
  askAnswered(): void;
  /** @returns what the asker is told. */
  askFailed(error: unknown): unknown;
}

/**
 * A read of one item with the intent to load it where there is none (`readOrStub` of one key), which is itself what waits for the answer: on its way
 * down and back no promise, closure or reply is made for it. Whoever answers calls `answer` or `refuse`, once.
 */
export abstract class ItemAsk {
  /** The guard that it passed. */
  watcher: AskWatcher | undefined = undefined;

  constructor(
    readonly storeKey: string,
    /** How long a stub lives that is put where nothing is. */
    readonly stubMs: number,
  ) {}

  /**
   * The item lies in `bytes` from `start` to `end`, as long as the call lasts. Nothing there: a stub.
   * @param session with `revision`, the item's `Revision`.
   * @param won the stub was put there for this question.
   */
  answer(
    bytes: Buffer,
    start: number,
    end: number,
    session: number,
    revision: number | bigint,
    won: boolean,
    ageMs: number | undefined,
  ): void {
    this.watcher?.askAnswered();
    this.take(bytes, start, end, session, revision, won, ageMs);
  }

  refuse(error: unknown): void {
    this.fail(this.watcher ? this.watcher.askFailed(error) : error);
  }

  /** Never throws: it is called by a parser. */
  protected abstract take(
    bytes: Buffer,
    start: number,
    end: number,
    session: number,
    revision: number | bigint,
    won: boolean,
    ageMs: number | undefined,
  ): void;

  protected abstract fail(error: unknown): void;
}
