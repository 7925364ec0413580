/** How readers are kept from changing each other's value; see `EntryOptions.isolation`. */
export type Isolation = 'freeze' | 'clone' | 'share';

/**
 * Turns values into bytes and back. What it can't give back unchanged it must refuse in `encode`: the cache hands every caller,
 * the first one included, what `decode` made.
 *
 * `codecContract()` of `nestjs-tiered-cache/testing` checks an implementation.
 */
export interface Codec<V> {
  /** Stands in every stored entry; an entry of another codec is a miss. ASCII, at most 100 characters. Change it with the format. */
  readonly name: string;
  /**
   * The ways in which a decoded value may be handed to several readers, the default first. `freeze`: decoded once, deeply
   * frozen. `clone`: decoded anew for each reader. `share`: decoded once and handed out as it is (right for values that can't
   * be changed, such as strings).
   */
  readonly isolations: readonly [Isolation, ...Isolation[]];
  /** True: `decode` refuses values that another codec of this name hands out, so that what that one decoded is not this one's. Default false. */
  readonly checksOnRead?: boolean;
  /**
   * How many bytes a decoded value counts in a near tier, where that is not the length of its payload: compressed ones grow. Asked for payloads that were
   * decoded. Default: the payload's length.
   */
  decodedBytes?(payload: Buffer): number;
  /** @throws UnencodableValueError naming the path and the remedy. */
  encode(value: V): Uint8Array;
  /**
   * May keep no reference to `payload` beyond the call unless the decoded value is the bytes themselves.
   * @throws UndecodableError for bytes that `encode` can't have made.
   */
  decode(payload: Buffer): V;
  /**
   * As `decode` of what lies in `bytes` from `start` to `end`, for bytes whose check has matched: they are what `encode` made. Optional, for codecs that
   * are spared a view of the bytes, or a check of their own. Default: `decode`.
   */
  decodeChecked?(bytes: Buffer, start: number, end: number): V;
}
