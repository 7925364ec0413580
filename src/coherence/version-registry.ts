import { maxPrefixBytes } from '../key/key-space.js';
import { isCounter } from '../store/sound-counter.js';
import { isWireSafe } from '../store/store-key.js';

/** A version of the application that has entries on a shard. */
export interface RegisteredPrefix {
  /** Begins the store keys of its entries: namespace, package version and stamp. */
  readonly prefix: string;
  /** Of key format, secrets and layout: only processes of the same one can compute each other's store keys. */
  readonly fingerprint: string;
  /** Entries that were made under another one are not there. */
  readonly generation: number;
  /** Epoch milliseconds. Decides only who is purged. */
  readonly renewedAt: number;
}

/** What a shard knows of the versions that keep entries on it. */
export interface VersionRegistry {
  /** The clear generation: every entry of the namespace on this shard that was made under an earlier one is not there. 0: nobody has cleared since the list was made. */
  readonly clear: number;
  readonly prefixes: readonly RegisteredPrefix[];
}

const format = 2;
/** How often a process renews its version, and looks at the list at the least. */
export const renewAfterMs = 3_600_000;
/** A day, and an hour for who renews late. */
const purgeAfterMs = 25 * 3_600_000;
/** More would make each removal long; the one that was renewed longest ago goes first. */
const maxPrefixes = 16;

/** Format 2: a JSON array `[2, clear, [[prefix, fingerprint, generation, renewedAt], …]]`. */
export function encodeRegistry({ clear, prefixes }: VersionRegistry): Buffer {
  const rows = prefixes.map((one) => [one.prefix, one.fingerprint, one.generation, one.renewedAt]);
  return Buffer.from(JSON.stringify([format, clear, rows]));
}

/** `undefined` for bytes that no process of this format wrote: then there is no registry. */
export function decodeRegistry(bytes: Buffer): VersionRegistry | undefined {
  try {
    const [given, clear, rows] = JSON.parse(bytes.toString('utf8')) as [unknown, unknown, unknown];
    if (given !== format || !isGeneration(clear) || !Array.isArray(rows) || rows.length > maxPrefixes) return undefined;
    const prefixes = rows.map(readRow);
    return prefixes.every((row) => row !== undefined) ? { clear, prefixes } : undefined;
  } catch {
    return undefined;
  }
}

function readRow(row: unknown): RegisteredPrefix | undefined {
  if (!Array.isArray(row)) return undefined;
  const [prefix, fingerprint, generation, renewedAt] = row as unknown[];
  if (
    typeof prefix !== 'string' ||
    // Store keys are made with it.
    prefix.length > maxPrefixBytes ||
    !isWireSafe(prefix) ||
    typeof fingerprint !== 'string' ||
    fingerprint.length > 100
  ) {
    return undefined;
  }
  if (!isGeneration(generation) || typeof renewedAt !== 'number' || !Number.isFinite(renewedAt)) return undefined;
  return { prefix, fingerprint, generation, renewedAt };
}

/** One at the end of all numbers could never be followed: whoever can write to the store would have cleared for the last time. */
function isGeneration(given: unknown): given is number {
  return typeof given === 'number' && isCounter(given);
}

/** The number that an entry of this prefix carries; undefined: the prefix is not listed. */
export function generationOf(registry: VersionRegistry, prefix: string, fingerprint: string): number | undefined {
  const own = rowOf(registry, { prefix, fingerprint });
  return own && Math.max(registry.clear, own.generation);
}

export type Listed = Pick<RegisteredPrefix, 'prefix' | 'fingerprint'>;

/** Processes of one version that have another secret are listed beside each other, under one prefix. */
const rowOf = (registry: VersionRegistry | undefined, { prefix, fingerprint }: Listed): RegisteredPrefix | undefined =>
  registry?.prefixes.find((one) => one.prefix === prefix && one.fingerprint === fingerprint);

/** Whether the prefix should be renewed by whoever sees it. */
export function isOverdue(registry: VersionRegistry, listed: Listed, now: number): boolean {
  const own = rowOf(registry, listed);
  return own !== undefined && Math.abs(now - own.renewedAt) > renewAfterMs;
}

/**
 * The registry with this prefix in it, renewed. One that was not listed is given a new generation, so that entries which it left behind when it
 * was listed last are not there: nobody has removed them since. Prefixes that nobody has renewed for a day are purged.
 * Those that claim to be renewed a day from now are the first to make room, and are purged by whoever renews:
 *
 * 1. A's clock is two days ahead of B's; 2. A is listed, and purges B, which nobody has renewed for two days; 3. B is listed anew. If that purged A, A would be
 * listed anew and purge B, with each reading of the list.
 */
export function withPrefix(
  registry: VersionRegistry | undefined,
  { prefix, fingerprint }: Listed,
  seed: number,
  now: number,
): VersionRegistry {
  const clear = registry?.clear ?? 0;
  const known = rowOf(registry, { prefix, fingerprint });
  const generation = known?.generation ?? Math.max(seed, clear + 1);
  const others = (registry?.prefixes ?? [])
    .filter((one) => one.prefix !== prefix || one.fingerprint !== fingerprint)
    .filter(({ renewedAt }) => now - renewedAt < purgeAfterMs && (!known || renewedAt - now < purgeAfterMs))
    .sort((one, other) => Math.abs(now - one.renewedAt) - Math.abs(now - other.renewedAt))
    .slice(0, maxPrefixes - 1);
  return { clear, prefixes: [{ prefix, fingerprint, generation, renewedAt: now }, ...others] };
}

/** The registry after all entries were cleared. */
export function cleared(registry: VersionRegistry | undefined, seed: number): VersionRegistry {
  return { clear: Math.max(seed, newest(registry) + 1), prefixes: registry?.prefixes ?? [] };
}

/** The registry after entries whose keys this process can't compute were voided: all of each prefix of another fingerprint. */
export function withoutStrangers(registry: VersionRegistry, fingerprint: string, seed: number): VersionRegistry {
  const generation = Math.max(seed, newest(registry) + 1);
  const prefixes = registry.prefixes.map((one) => (one.fingerprint === fingerprint ? one : { ...one, generation }));
  return { clear: registry.clear, prefixes };
}

/** As if the prefix had not been listed, where its generation is below that one. */
export function withoutOlder(registry: VersionRegistry, listed: Listed, floor: number): VersionRegistry {
  const own = rowOf(registry, listed);
  if (!own || Math.max(registry.clear, own.generation) >= floor) return registry;
  return { clear: registry.clear, prefixes: registry.prefixes.filter((row) => row !== own) };
}

function newest(registry: VersionRegistry | undefined): number {
  return Math.max(0, registry?.clear ?? 0, ...(registry?.prefixes ?? []).map(({ generation }) => generation));
}
