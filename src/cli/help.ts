import type { Command } from './command.js';

const keyHelp = `KEY is as the store shows it behind the versions, parts joined by ':' ('content_metadata:abc', 'product:#1' for the number 1),
or a JSON array of parts ('["content_metadata", 17]'). What list shows with a digest (~ and 43 characters) has to be given in full.`;

const storeHelp = `Which store and which keys, as the application has it; run it in the application's folder:
  --servers HOST:PORT,…        or config://HOST:PORT, dns://HOST:PORT; default MEMCACHED_SERVERS; with MEMCACHED_TLS, MEMCACHED_USERNAME and MEMCACHED_PASSWORD
  --redis URL                  default CACHE_REDIS_URL
  --key-prefix PREFIX          keyPrefix of the redisStore; default CACHE_REDIS_KEY_PREFIX
  --partitions COUNT           partitions of the redisStore, in a Cluster; default CACHE_REDIS_PARTITIONS
  --disk FOLDER                default CACHE_DISK_PATH, else node_modules/.cache/nestjs-tiered-cache
  --namespace NAME             default: name in package.json; what is given in code has to be given here as well
  --package-version VERSION    default: version in package.json; what is given in code has to be given here as well
  --stamp STAMP                default CACHE_KEY_VERSION_STAMP
Where the application has them: CACHE_KEY_SECRET (names are hidden), CACHE_INTEGRITY_KEYS (what is stored is signed)`;

const exitCodes =
  'Exit codes: 0 done; 1 no entry, not current, not acknowledged, damaged, or nothing changed; 2 the arguments or the configuration are off.';

/** What `--help` prints. */
export function help(commands: Readonly<Record<string, Command>>): string {
  const all = Object.values(commands);
  const width = Math.max(...all.map(({ usage }) => usage.length));
  const list = all.map(({ usage, summary }) => `  tiered-cache ${usage.padEnd(width)}  ${summary}`);
  return `tiered-cache: the key catalogue of an application, and a look into its store

${list.join('\n')}

  tiered-cache COMMAND --help, tiered-cache --version

${keyHelp}

${storeHelp}

${exitCodes}
`;
}

/** What `COMMAND --help` prints. */
export function helpOf({ usage, summary, details }: Command): string {
  const parts = [`tiered-cache ${usage}: ${summary}`, details.map((line) => `  ${line}`).join('\n')];
  if (usage.includes('KEY')) parts.push(keyHelp);
  if (!usage.startsWith('keys') && !usage.includes(' redis ')) parts.push(storeHelp);
  return `${parts.join('\n\n')}\n`;
}
