import { UsageError } from '../usage-error.js';
import { readArguments } from '../arguments.js';
import type { Command } from '../command.js';
import { assertWithoutVersions, digestAtEnd } from '../key-argument.js';
import { keyOptions, keySpaceOf, withKeys } from '../open-cache.js';
import { hint } from './nothing-there.js';

/** What belongs to an entry and is none. */
const companion = /~r$/;

export const listCommand: Command = {
  usage: 'list [PREFIX]',
  summary: 'the keys in the store, of the versions that are in force',
  details: [
    'PREFIX is the beginning of keys as the store shows them: content_metadata:',
    '--json  prints one JSON object per line: { "key", "digest", "shortened" }',
    'A key that stands as a digest is listed as such; with PREFIX it is counted, since nobody can tell. One that is too long for the',
    'store is shortened: a digest stands for its end. Neither is a KEY for the other commands.',
    'What was invalidated or cleared is listed until the store removes it: explain says what a look-up would be told.',
    'It goes through all that the store holds; on memcached one listing at a time per server.',
  ],
  run: (args, { out, err }) => {
    const read = readArguments(
      args,
      { ...keyOptions, json: { type: 'boolean' } },
      { min: 0, max: 1, what: 'one PREFIX, or none' },
    );
    const [wanted = ''] = read.positionals;
    assertWithoutVersions(wanted, 'PREFIX', keySpaceOf(read));
    return withKeys(read, async (opened) => {
      const { store, keySpace } = opened;
      const { prefix } = keySpace;
      let digests = 0;
      let shown = 0;
      for (const shard of store.shards) {
        if (!shard.keys) throw new UsageError(`${shard.name} can't list its keys`);
        for await (const storeKey of shard.keys(prefix)) {
          const key = storeKey.slice(prefix.length);
          if (key === '' || companion.test(key)) continue;
          // A digest alone: nobody can tell which key it is.
          const at = key.search(digestAtEnd);
          const [digest, shortened] = [at === 0, at > 0];
          if (digest && wanted !== '') {
            digests++;
            continue;
          }
          if (!key.startsWith(wanted)) continue;
          shown++;
          if (read.values['json']) out(`${JSON.stringify({ key, digest, shortened })}\n`);
          else out(`${key}${digest ? '  (digest)' : shortened ? '  (shortened)' : ''}\n`);
        }
      }
      if (digests > 0) err(`${digests} more stand as digests, which no prefix can be compared with.\n`);
      if (digests + shown === 0) err(await hint(opened));
      return 0;
    });
  },
};
