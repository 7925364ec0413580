import { readArguments } from '../arguments.js';
import type { Command } from '../command.js';
import { keyFrom } from '../key-argument.js';
import { keyOptions, withCache } from '../open-cache.js';
import { UsageError } from '../usage-error.js';
import { nothingThere, oneKey } from './nothing-there.js';

const notAcknowledged = 'the store did not acknowledge. Try again when it can be reached.\n';

export const deleteCommand: Command = {
  usage: 'delete KEY',
  summary: 'invalidates it for all processes',
  details: ['Exit code 1: nothing was there (every process was told all the same), or the store did not acknowledge.'],
  run: (args, { out, err }) => {
    const read = readArguments(args, keyOptions, oneKey);
    const text = read.positionals[0] ?? '';
    const key = keyFrom(text);
    return withCache(read, async (cache, { find }) => {
      const { storeKey, shard } = find(key);
      const [present] = await shard.readMany([storeKey]);
      if (!(await cache.delete(key))) {
        err(`${storeKey}: ${notAcknowledged}`);
        return 1;
      }
      if (present) {
        out(`${storeKey}: gone, and every process was told.\n`);
        return 0;
      }
      err(await nothingThere(text, find));
      err('Nothing was removed. Every process was told, in case one has a copy.\n');
      return 1;
    });
  },
};

export const invalidateTagsCommand: Command = {
  usage: 'invalidate-tags TAG…',
  summary: 'invalidates every entry that has one of the tags, for all processes',
  details: ['Exit code 1: the store did not acknowledge.'],
  run: (args, { out, err }) => {
    const read = readArguments(args, keyOptions, { min: 1, max: Infinity, what: 'one TAG or more' });
    if (read.positionals.includes('')) throw new UsageError('a TAG is empty');
    return withCache(read, async (cache) => {
      const tags = read.positionals.map((tag) => JSON.stringify(tag)).join(', ');
      if (await cache.invalidateTags(...read.positionals)) {
        out(`${tags}: entries with them are invalidated, and every process was told.\n`);
        return 0;
      }
      err(`${tags}: ${notAcknowledged}`);
      return 1;
    });
  },
};

export const clearCommand: Command = {
  usage: 'clear --yes',
  summary: 'makes every entry of the namespace unreachable; what others keep in the store stays',
  details: ['--yes  is required'],
  run: (args, { out }) => {
    const options = { ...keyOptions, yes: { type: 'boolean' } } as const;
    const read = readArguments(args, options, { min: 0, max: 0, what: 'no key: clear takes all of them' });
    if (!read.values['yes']) throw new UsageError('clear makes every entry of the namespace unreachable: say --yes');
    return withCache(read, async (cache) => {
      await cache.dangerouslyClear();
      out('Cleared: every entry of the namespace is unreachable.\n');
      return 0;
    });
  },
};
