/** An invalidation that the store has not acknowledged. */
export interface Unacknowledged {
  /** Of a key or a tag, as the feed has it. */
  readonly name: string;
  /** For people. */
  readonly shown: string;
  /** Resolves when the store has acknowledged, rejects when it still can't. Those of one turn go together. */
  readonly resend: () => Promise<void>;
  /**
   * A `set` was sent and never answered: its bytes may still be on their way, and arrive after the removal that follows and after a newer value. So
   * the removal is sent once more, 5 s later.
   */
  readonly mayStillArrive?: boolean;
  /** Not sent while one of these names waits: it is what is left to do when they are acknowledged. */
  readonly after?: readonly string[];
  /** Called when it waits no longer, for whatever reason. */
  readonly ended?: () => void;
  /** Of the call that it is left of, see `Outbox.ticket`. Default: of one that begins now. */
  readonly ticket?: number | undefined;
}

/** What one that waits takes besides its texts. */
const overheadBytes = 200;
/** Their texts stand in entries of their own. */
const bytesPerNameAfter = 64;

/** The memory that it takes while it waits, in bytes. */
export function sizeOf({ name, shown, after = [] }: Unacknowledged): number {
  return 2 * (name.length + shown.length) + overheadBytes + after.length * bytesPerNameAfter;
}
