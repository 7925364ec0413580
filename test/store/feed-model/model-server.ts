import type { Command, Reply } from '../../../src/store/memcached/conversation.js';
import { encodeSegmentHead } from '../../../src/store/memcached/feed-segment.js';

interface Item {
  value: Buffer;
  revision: number;
}

/** What memcached does with the commands of a feed, one at a time. */
export class ModelServer {
  /** The frames that were to be appended so far: what they name had been changed before. */
  readonly appended: Buffer[] = [];
  private readonly items = new Map<string, Item>();
  private lastRevision = 0;

  constructor(private readonly itemSizeMax: number) {}

  get keys(): string[] {
    return [...this.items.keys()];
  }

  lose(key: string): void {
    this.items.delete(key);
  }

  flush(): void {
    this.items.clear();
  }

  carryOut({ line, body }: Command): Reply {
    const [verb, key = '', ...flags] = line.split(' ');
    const item = this.items.get(key);
    const bound = flags.find((flag) => flag.startsWith('C'))?.slice(1);
    if (verb === 'mg') return item ? replyOf(flags.includes('v') ? 'VA' : 'HD', item) : replyOf('EN');
    if (verb === 'md') {
      if (!item) return replyOf('NF');
      if (bound !== undefined && Number(bound) !== item.revision) return replyOf('EX');
      this.items.delete(key);
      return replyOf('HD');
    }
    const given = body ? Buffer.from(body) : Buffer.alloc(0);
    if (flags.includes('ME') && item) return replyOf('NS');
    if (bound !== undefined && item?.revision !== Number(bound)) return replyOf(item ? 'EX' : 'NF');
    if (!flags.includes('MA')) return this.store(key, given);
    const made = flags.find((flag) => flag.startsWith('X'))?.slice(1);
    const before = item?.value ?? (made && encodeSegmentHead({ id: made, predecessor: '-' }));
    this.appended.push(given);
    if (!before) return replyOf('NS');
    if (before.length + given.length > this.itemSizeMax) return replyOf('NS');
    return this.store(key, Buffer.concat([before, given]));
  }

  private store(key: string, value: Buffer): Reply {
    this.items.set(key, { value, revision: ++this.lastRevision });
    return replyOf('HD');
  }
}

function replyOf(code: string, item?: Item): Reply {
  return {
    code,
    opaque: undefined,
    revision: item?.revision,
    won: false,
    size: item?.value.length,
    secondsLeft: undefined,
    clientFlags: undefined,
    value: code === 'VA' ? item?.value : undefined,
    word: '',
  };
}
