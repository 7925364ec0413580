import { listOfVersions } from '../coherence/coherence.js';
import { fingerprintOf } from '../coherence/shard-versions.js';
import { decodeRegistry } from '../coherence/version-registry.js';
import type { KeySpace } from '../key/key-space.js';
import type { Shard, Store } from '../store/store.js';
import { StoreUnavailableError } from '../value/errors.js';

/** Whose entries a command is about. */
export interface Identity {
  readonly namespace: string;
  /** An option, or a file. */
  readonly namespaceFrom: string;
  readonly packageVersion: string;
  readonly versionStamp: string | undefined;
}

/** What the store lists of a namespace. A process lists its version on a part of the store before it keeps its first entry there. */
export interface ListedVersions {
  /** What the keys of each version begin with whose keys can be computed here. */
  readonly prefixes: readonly string[];
  /** Of each version whose keys can't: its key format and secret. */
  readonly strangers: readonly string[];
  /** Parts with a list that can't be read here. */
  readonly illegible: readonly string[];
  /** Of each part that can't be reached: which, and why. */
  readonly away: readonly string[];
  /** Whether any part did. */
  readonly isReached: boolean;
}

/** Reads the lists, and writes nothing. */
export async function listedVersions(store: Store, keySpace: KeySpace): Promise<ListedVersions> {
  const own = fingerprintOf(keySpace);
  const lists = await Promise.all(store.shards.map((shard) => listOn(shard, keySpace.namespace)));
  const rows = lists.flatMap((list) => (list instanceof StoreUnavailableError || list === 'illegible' ? [] : list));
  const distinct = (texts: readonly string[]): string[] => [...new Set(texts)];
  const away = lists.flatMap((list) => (list instanceof StoreUnavailableError ? [list.message] : []));
  return {
    prefixes: distinct(rows.filter(({ fingerprint }) => fingerprint === own).map(({ prefix }) => prefix)),
    strangers: distinct(rows.map(({ fingerprint }) => fingerprint).filter((fingerprint) => fingerprint !== own)),
    illegible: store.shards.filter((_, index) => lists[index] === 'illegible').map(({ name }) => name),
    away,
    isReached: away.length < lists.length,
  };
}

async function listOn(
  shard: Shard,
  namespace: string,
): Promise<readonly { readonly prefix: string; readonly fingerprint: string }[] | 'illegible' | StoreUnavailableError> {
  try {
    const [item] = await shard.readMany([listOfVersions(namespace)]);
    return item ? (decodeRegistry(item.bytes)?.prefixes ?? 'illegible') : [];
  } catch (error) {
    if (error instanceof StoreUnavailableError) return error;
    throw error;
  }
}

/** Why a command finds nothing there, if the lists tell. */
export function whyNothing(listed: ListedVersions, keySpace: KeySpace, identity: Identity): string | undefined {
  if (!isListed(listed)) return whyUnlisted(listed, identity);
  if (listed.strangers.length > 0) return whyStrange(listed, keySpace);
  const others = listed.prefixes.filter((prefix) => prefix !== keySpace.prefix);
  if (others.length === 0) return undefined;
  return `Other versions there begin their keys with ${others.join(', ')}; --package-version and --stamp name them.\n`;
}

/** Why nothing can be changed, if so: no entry would be reached. */
export function whyNotCleared(listed: ListedVersions, identity: Identity): string | undefined {
  return isListed(listed) ? undefined : whyUnlisted(listed, identity);
}

/** Why no entry can be told from the others, if so: none would be reached, or all. */
export function whyNotNamed(listed: ListedVersions, keySpace: KeySpace, identity: Identity): string | undefined {
  if (listed.strangers.length > 0 && listed.prefixes.length === 0) return whyStrange(listed, keySpace);
  if (listed.illegible.length > 0) return whyIllegible(listed);
  return whyNotCleared(listed, identity);
}

/** What a change of a name also does, which the application's own do as well: which entry of theirs has the name can't be told. */
export function alsoInvalidated({ strangers }: ListedVersions): string {
  if (strangers.length === 0) return '';
  return 'Other versions there name their keys in another way (secret, keyFormat or layout): all their entries are invalidated as well.\n';
}

const isListed = ({ prefixes, strangers }: ListedVersions): boolean => prefixes.length + strangers.length > 0;

function whyUnlisted(listed: ListedVersions, { namespace, namespaceFrom }: Identity): string {
  const { illegible, isReached } = listed;
  const away = listed.away.join(' ');
  if (!isReached) return `${away}\n`;
  if (illegible.length > 0) return whyIllegible(listed);
  return (
    `No process of the namespace ${JSON.stringify(namespace)} has cached anything there.${away && ` Not reached: ${away}`}\n` +
    `This namespace comes from ${namespaceFrom}. If the application is given another one, as by TieredCacheModule.forRoot({ namespace }), give it with --namespace.\n`
  );
}

function whyIllegible({ illegible }: ListedVersions): string {
  return (
    `The list of versions on ${illegible.join(', ')} can't be read. ` +
    'Give the keys with which the application signs in CACHE_INTEGRITY_KEYS, or unset it if the application signs nothing.\n'
  );
}

/** `layout:readable`, or `layout:digest:` and what tells secrets apart. */
const isHidden = (fingerprint: string): boolean => fingerprint.includes(':digest:');
const layoutOf = (fingerprint: string): string => fingerprint.split(':', 1)[0] as string;

function whyStrange({ prefixes, strangers }: ListedVersions, keySpace: KeySpace): string {
  const own = fingerprintOf(keySpace);
  const stranger = strangers.find((one) => layoutOf(one) === layoutOf(own));
  const both =
    prefixes.length > 0
      ? 'Entries under the names that are computed here are there as well: clear reaches both.\n'
      : '';
  if (stranger === undefined) {
    return `A release of this package with another layout of keys has entries there. Use the command line of that release.\n${both}`;
  }
  if (!isHidden(stranger)) {
    return `The application has entries there whose names are not hidden. Unset CACHE_KEY_SECRET.\n${both}`;
  }
  const secret = isHidden(own) ? 'another secret' : 'a secret';
  return `The application has entries there whose names are hidden with ${secret}. Give its keySecret in CACHE_KEY_SECRET.\n${both}`;
}
