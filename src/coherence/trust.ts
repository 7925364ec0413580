/** Until when copies may be believed, in epoch milliseconds. The feed of a shard moves its own forward. */
export interface Trust {
  readonly until: number;
  /** Whether what was missed in the feed of `other` could have named a copy that is believed by this. */
  covers(other: Trust): boolean;
}

/** The trust in the copies of one shard's keys. */
export class ShardTrust implements Trust {
  constructor(public until: number) {}

  covers(other: Trust): boolean {
    return this === other;
  }
}

/** The trust in a copy that the feeds of several shards can name: its key's, and those of its tags. */
export class CombinedTrust implements Trust {
  constructor(private readonly parts: readonly Trust[]) {}

  get until(): number {
    let until = Infinity;
    for (const part of this.parts) if (part.until < until) until = part.until;
    return until;
  }

  covers(other: Trust): boolean {
    return this.parts.some((part) => part.covers(other));
  }
}

/**
 * The trust in a copy whose load the store had no part in: nothing vouches for it but its own age while the feed can't be read, and what was
 * missed in it may have named it.
 */
export class BlindTrust implements Trust {
  constructor(
    private readonly feed: Trust,
    private readonly blindUntil: number,
  ) {}

  get until(): number {
    return Math.max(this.feed.until, this.blindUntil);
  }

  covers(other: Trust): boolean {
    return this.feed.covers(other);
  }
}

/** For copies that nothing from outside can make untrue: those of a request. */
export const lastingTrust: Trust = new ShardTrust(Infinity);
