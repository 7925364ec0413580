import type { Clock } from '../value/clock.js';
import { channels } from '../value/events.js';
import { tagName } from './invalidated-names.js';
import type { Trust } from './trust.js';
import type { ShardFeed } from './shard-feed.js';

/** What of a near copy tells whether a name in the feed was meant for it. */
export interface SampledCopy {
  readonly createdAt: number;
  readonly trust: Trust;
  readonly tags: readonly { readonly tag: string }[];
}

interface Sample {
  readonly key: string;
  /** What the feed calls the key. */
  readonly name: string;
  readonly hitAt: number;
  readonly copy: SampledCopy;
  staleMs: number;
}

/** Hits that wait to be judged. Where there are more, each is as likely to be among them as the next. */
const maxSamples = 100;

/**
 * Measures how stale the hits of a process tier were. Whether a hit was true is known only after it, when the feed has been read past it:
 *
 * 1. another process begins to invalidate a key, at `at`, and appends its name;
 * 2. this process serves its copy, made before `at`: the hit is sampled;
 * 3. the feed is read: the hit was stale by the time between 1 and 2. What is not named by then was true.
 *
 * Costs nothing unless somebody listens to `staleness`.
 */
export class StalenessSample {
  private samples: Sample[] = [];
  private hits = 0;

  constructor(
    private readonly cache: string,
    private readonly clock: Pick<Clock, 'now'>,
    private readonly random: () => number,
    private readonly feeds: () => Iterable<ShardFeed>,
  ) {}

  /** A hit of the process tier. */
  note(key: string, name: string, copy: SampledCopy): void {
    const sample = { key, name, hitAt: this.clock.now(), copy, staleMs: 0 };
    this.hits++;
    if (this.samples.length < maxSamples) {
      this.samples.push(sample);
      return;
    }
    const place = Math.floor(this.random() * this.hits);
    if (place < maxSamples) this.samples[place] = sample;
  }

  named(names: readonly string[], at: number | undefined): void {
    if (this.samples.length === 0 || at === undefined) return;
    for (const sample of this.samples) {
      const { name, hitAt, copy } = sample;
      if (at > hitAt || copy.createdAt >= at) continue;
      const isNamed = names.some((one) => one === name || copy.tags.some(({ tag }) => tagName(tag) === one));
      if (isNamed) sample.staleMs = Math.max(sample.staleMs, hitAt - at);
    }
  }

  /** What these hits were worth is not to be known any more. */
  missed(feed: ShardFeed): void {
    this.samples = this.samples.filter(({ copy }) => !copy.trust.covers(feed.trust));
  }

  /** Tells what is known by now: of hits from before the last reading of every feed that could have named them. */
  judge(): void {
    if (this.samples.length === 0) return;
    const feeds = [...this.feeds()];
    const left: Sample[] = [];
    for (const sample of this.samples) {
      const { key, hitAt, copy, staleMs } = sample;
      const known = feeds.every((feed) => !copy.trust.covers(feed.trust) || feed.readUpTo > hitAt);
      if (!known) left.push(sample);
      else if (channels.staleness.hasSubscribers) channels.staleness.publish({ cache: this.cache, key, staleMs });
    }
    this.samples = left;
    this.hits = left.length;
  }
}
