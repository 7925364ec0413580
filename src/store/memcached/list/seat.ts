import { isSameRevision } from '../../is-same-revision.js';
import type { Shard } from '../../store.js';
import { isSameBallot, decodeMark } from './list-mark.js';
import type { ListMark } from './list-mark.js';

/** One server of the list that is in force, for this process. */
export interface SeatOptions {
  readonly server: string;
  readonly shard: Shard & Required<Pick<Shard, 'invalidate' | 'readFeed' | 'writeMany'>>;
  readonly list: ListMark;
  /** How often this process has begun to work on a list: revisions of an earlier time prove nothing. */
  readonly term: number;
  readonly markKey: string;
  /** The server stands elsewhere. */
  readonly onMoved: (mark: ListMark | undefined) => void;
  readonly isConnected: () => boolean;
  /** False only for a negative control. */
  readonly confirms: boolean;
}

export class Seat {
  readonly shard: SeatOptions['shard'];
  /** The mark as it was last read and found to be this list's: as long as its revision is the same, so is the mark. */
  private confirmed: { readonly session: number; readonly number: bigint | number } | undefined;

  constructor(readonly options: SeatOptions) {
    this.shard = options.shard;
  }

  /**
   * Whether the server still stands at this list, by a command that is sent from now on. What was answered before it was done while the list was open.
   * @throws StoreUnavailableError
   */
  async stands(): Promise<boolean> {
    const { markKey, list, onMoved, confirms } = this.options;
    if (!confirms) return true;
    const { watched } = await this.shard.invalidate({ feed: markKey, changes: [], records: [], watch: markKey });
    const { confirmed } = this;
    if (watched && isSameRevision(watched, confirmed)) return true;
    const [item] = await this.shard.readMany([markKey]);
    const mark = decodeMark(item?.bytes);
    if (item && mark?.isOpen && isSameBallot(mark, list)) {
      this.confirmed = item.revision;
      return true;
    }
    onMoved(mark);
    return false;
  }
}
