import { onCacheEvent } from '../value/events.js';
import type { CacheEventName, CacheEvents } from '../value/events.js';

type Labels = Readonly<Record<string, string>>;

/** Something that is counted, or whose duration is measured. Its labels come from closed sets: never a key, a value, a lock's resource. */
export interface Measurement {
  readonly name: string;
  readonly help: string;
  readonly kind: 'counter' | 'seconds';
  readonly labels: readonly string[];
  /** Calls `record` with each value until the returned function is called. */
  readonly listen: (record: (value: number, labels: Labels) => void) => () => void;
}

/** Upper bounds of durations, in seconds. */
export const defaultBuckets: readonly number[] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

interface Reading<E extends CacheEventName> {
  readonly kind?: 'seconds';
  readonly labels: (message: CacheEvents[E]) => Labels;
  readonly labelNames: readonly string[];
  /** Default: 1. */
  readonly value?: (message: CacheEvents[E]) => number;
}

function measured<E extends CacheEventName>(event: E, name: string, help: string, reading: Reading<E>): Measurement {
  const { kind = 'counter', labels, labelNames, value = () => 1 } = reading;
  return {
    name,
    help,
    kind,
    labels: labelNames,
    listen: (record) => onCacheEvent(event, (message) => record(value(message), labels(message))),
  };
}

/** What the metrics adapters measure. */
export const measurements: readonly Measurement[] = [
  measured('hit', 'hits', 'Look-ups that found a value', {
    labelNames: ['cache', 'tier', 'freshness'],
    labels: ({ cache, tier, freshness }) => ({ cache, tier, freshness }),
  }),
  measured('miss', 'misses', 'Look-ups that found none, and why', {
    labelNames: ['cache', 'reason'],
    labels: ({ cache, reason }) => ({ cache, reason }),
  }),
  measured('loadFinished', 'load_duration', 'How long loaders ran', {
    kind: 'seconds',
    labelNames: ['cache', 'outcome'],
    labels: ({ cache, error }) => ({ cache, outcome: error === undefined ? 'loaded' : 'failed' }),
    value: ({ durationMs }) => durationMs / 1_000,
  }),
  measured('loadJoined', 'loads_joined', 'Callers that waited for a load under way instead of beginning one', {
    labelNames: ['cache'],
    labels: ({ cache }) => ({ cache }),
  }),
  measured('loadRefused', 'loads_refused', 'Loaded values that were returned and not kept, and why', {
    labelNames: ['cache', 'reason'],
    labels: ({ cache, reason }) => ({ cache, reason }),
  }),
  measured(
    'invalidated',
    'invalidations',
    'Keys and tags that calls of this process have invalidated, clears, and keys and tags that others have changed',
    {
      labelNames: ['cache', 'origin'],
      labels: ({ cache, origin }) => ({ cache, origin }),
    },
  ),
  measured('evicted', 'evictions', 'Entries that went to make room', {
    labelNames: ['cache', 'tier'],
    labels: ({ cache, tier }) => ({ cache, tier }),
    value: ({ entries }) => entries,
  }),
  measured('fileOpened', 'files_opened', 'Files that were opened, and where their bytes come from', {
    labelNames: ['cache', 'source'],
    labels: ({ cache, source }) => ({ cache, source }),
  }),
  measured(
    'fileFilled',
    'file_download_duration',
    'How long downloads into copies of files ran, and what became of them',
    {
      kind: 'seconds',
      labelNames: ['cache', 'outcome'],
      labels: ({ cache, outcome }) => ({ cache, outcome }),
      value: ({ durationMs }) => durationMs / 1_000,
    },
  ),
  measured('nearCleared', 'near_clears', 'Times that near copies were dropped without being named, and why', {
    labelNames: ['cache', 'reason'],
    labels: ({ cache, reason }) => ({ cache, reason }),
  }),
  measured('writeGivenUp', 'writes_given_up', 'Invalidations that were never acknowledged', {
    labelNames: ['cache', 'reason'],
    labels: ({ cache, reason }) => ({ cache, reason }),
  }),
  measured('lockAcquired', 'lock_wait', 'How long acquired locks were waited for', {
    kind: 'seconds',
    labelNames: [],
    labels: () => ({}),
    value: ({ waitedMs }) => waitedMs / 1_000,
  }),
  measured('lockReleased', 'locks_released', 'Locks given back, and what came of it', {
    labelNames: ['outcome'],
    labels: ({ outcome }) => ({ outcome }),
  }),
  measured('lockLost', 'locks_lost', 'Locks lost while they were held, and why', {
    labelNames: ['reason'],
    labels: ({ reason }) => ({ reason }),
  }),
  measured('fault', 'faults', 'What readers were spared', {
    labelNames: ['kind'],
    labels: ({ kind }) => ({ kind }),
  }),
  measured('breaker', 'breaker_changes', 'Times that a part of a store was left alone, and was asked again', {
    labelNames: ['state'],
    labels: ({ state }) => ({ state }),
  }),
  measured('serversChanged', 'server_list_changes', 'Times that this process began to work on a list of servers', {
    labelNames: ['store'],
    labels: ({ store }) => ({ store }),
  }),
];
