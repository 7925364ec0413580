import type { TieredCache } from '../../cache/tiered-cache.js';
import { onCacheEvent } from '../../value/events.js';
import { readArguments } from '../arguments.js';
import type { Arguments } from '../arguments.js';
import type { Command, Output } from '../command.js';
import { keyFrom } from '../key-argument.js';
import { alsoInvalidated, whyNotCleared, whyNotNamed } from '../listed-versions.js';
import type { ListedVersions } from '../listed-versions.js';
import { keyOptions, keySpaceOf, withKeys } from '../open-cache.js';
import type { OpenedStore } from '../open-cache.js';
import { lines } from '../table.js';
import { UsageError } from '../usage-error.js';
import { nothingThere, oneKey } from './nothing-there.js';

const refused = 'Where no process of the namespace has cached anything, it changes nothing and says why: exit code 1.';
const stillListed = 'list shows their keys until the store removes them; explain says that they are invalidated.';
const refusedOfNames =
  'Where no process of the namespace has cached anything, or all names are hidden with another secret, it changes nothing and says why: exit code 1.';

export const deleteCommand: Command = {
  usage: 'delete KEY',
  summary: 'invalidates it for all processes, in every version that has entries',
  details: [
    'Exit code 1: nothing was there (every process was told all the same), or the store did not acknowledge.',
    refusedOfNames,
  ],
  run: (args, output) => {
    const read = readArguments(args, keyOptions, oneKey);
    const text = read.positionals[0] ?? '';
    const key = keyFrom(text, keySpaceOf(read));
    return withListed(read, output, whyUnnamed, async ({ cache, opened, listed, tell, tellUnacknowledged }) => {
      output.err(alsoInvalidated(listed));
      const { storeKey, shard, under } = opened.find(key);
      const storeKeys = [...new Set([storeKey, ...listed.prefixes.map(under)])];
      const items = await shard.readMany(storeKeys);
      const present = storeKeys.filter((_, index) => items[index]);
      if (!(await cache.delete(key))) return tellUnacknowledged(storeKey);
      if (present.length > 0) return tell(0, `${present.join(', ')}: gone, and every process was told.\n`);
      const absent = await nothingThere(text, opened);
      return tell(1, `${absent}Nothing was removed. Every process was told, in case one has a copy.\n`);
    });
  },
};

export const invalidateTagsCommand: Command = {
  usage: 'invalidate-tags TAG…',
  summary: 'invalidates every entry that has one of the tags, for all processes',
  details: ['Exit code 1: the store did not acknowledge.', refusedOfNames],
  run: (args, output) => {
    const read = readArguments(args, keyOptions, { min: 1, max: Infinity, what: 'one TAG or more' });
    if (read.positionals.includes('')) throw new UsageError('a TAG is empty');
    return withListed(read, output, whyUnnamed, async ({ cache, listed, tell, tellUnacknowledged }) => {
      output.err(alsoInvalidated(listed));
      const tags = read.positionals.map((tag) => JSON.stringify(tag)).join(', ');
      return (await cache.invalidateTags(...read.positionals))
        ? tell(0, `${tags}: entries with them are invalidated, and every process was told. ${stillListed}\n`)
        : tellUnacknowledged(tags);
    });
  },
};

export const clearCommand: Command = {
  usage: 'clear --yes',
  summary: 'makes every entry of the namespace unreachable; what others keep in the store stays',
  details: ['--yes  is required', refused],
  run: (args, output) => {
    const options = { ...keyOptions, yes: { type: 'boolean' } } as const;
    const read = readArguments(args, options, { min: 0, max: 0, what: 'no key: clear takes all of them' });
    if (!read.values['yes']) throw new UsageError('clear makes every entry of the namespace unreachable: say --yes');
    return withListed(read, output, whyUncleared, async ({ cache, tell }) => {
      await cache.dangerouslyClear();
      return tell(0, `Cleared: every entry of the namespace is unreachable. ${stillListed}\n`);
    });
  },
};

interface Change {
  readonly cache: TieredCache;
  readonly opened: OpenedStore;
  readonly listed: ListedVersions;
  /** Says how it went, and of what. */
  readonly tell: (code: 0 | 1, outcome: string) => number;
  /** Says what the store gave as the reason. */
  readonly tellUnacknowledged: (what: string) => number;
}

type Refusal = (listed: ListedVersions, opened: OpenedStore) => string | undefined;

const whyUnnamed: Refusal = (listed, { keySpace, identity }) => whyNotNamed(listed, keySpace, identity);
const whyUncleared: Refusal = (listed, { identity }) => whyNotCleared(listed, identity);

/** Runs where the lists of versions say that the change reaches what it names. */
function withListed(
  args: Arguments,
  { out, err }: Output,
  refusal: Refusal,
  run: (change: Change) => Promise<number>,
): Promise<number> {
  return withKeys(args, async (opened) => {
    // Before there is a cache, which lists its own version with its first change.
    const listed = await opened.listed();
    const of = lines(subjectOf(opened, listed));
    const tell = (code: 0 | 1, outcome: string): number => {
      (code === 0 ? out : err)(`${outcome}${of}`);
      return code;
    };
    const reason = refusal(listed, opened);
    if (reason !== undefined) return tell(1, `Nothing was changed. ${reason}`);
    const reasons = new Set<string>();
    const stop = onCacheEvent('fault', ({ kind, message }) => {
      if (kind === 'unavailable' || kind === 'degraded') reasons.add(message);
    });
    const tellUnacknowledged = (what: string): number => {
      const why = [...reasons].join(' ') || 'Try again when it can be reached.';
      return tell(1, `${what}: the store did not acknowledge. ${why}\n`);
    };
    try {
      return await opened.withCache((cache) => run({ cache, opened, listed, tell, tellUnacknowledged }));
    } finally {
      stop();
    }
  });
}

function subjectOf({ store, identity }: OpenedStore, { prefixes }: ListedVersions): object {
  const { namespace, namespaceFrom, packageVersion, versionStamp } = identity;
  return {
    namespace: `${namespace} (from ${namespaceFrom})`,
    version: packageVersion,
    stamp: versionStamp,
    versionsThere: prefixes.join(', ') || undefined,
    store: store.shards.map(({ name }) => name).join(', '),
  };
}
