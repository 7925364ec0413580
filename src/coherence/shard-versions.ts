import { isSameRevision } from '../store/is-same-revision.js';
import type { Revision, Shard, StoredItem } from '../store/store.js';
import { storeKeyUnder } from '../key/key-space.js';
import type { KeySpace } from '../key/key-space.js';
import { StoreUnavailableError } from '../value/errors.js';
import { reportFault } from '../value/events.js';
import { unlessAway } from '../value/unless-away.js';
import { GenerationFloors, perMs } from './generation-floors.js';
import {
  cleared,
  decodeRegistry,
  encodeRegistry,
  generationOf,
  isOverdue,
  withoutOlder,
  withoutStrangers,
  withPrefix,
} from './version-registry.js';
import type { Listed, VersionRegistry } from './version-registry.js';

export interface VersionsOptions {
  /** Begins the keys of the feed and of the registry. */
  readonly feed: string;
  /** The keys of the version that is in force now. */
  readonly keySpace: () => KeySpace;
  readonly clock: { now(): number; sleep(delayMs: number): Promise<void> };
  readonly random: () => number;
}

/** Counts what store keys and the feed look like: processes of another layout compute other keys. */
const layout = 2;
const maxTries = 20;

/**
 * The versions of the application that keep entries on one shard. A process lists its version before its first lease or write there, and removes
 * what it invalidates under every version that is listed:
 *
 * 1. A (1.4) knows one version, 1.4; 2. B (1.5) starts, is listed, wins the lease of k and reads the old row; 3. the row changes, and A removes
 * 1.4's k; 4. the answer to A's append tells another revision of the list than A knew: A reads it, and removes 1.5's k as well, before it
 * acknowledges; 5. B's fill is refused.
 */
export class ShardVersions {
  readonly key: string;
  /**
   * Of the list that this process knows now. Whoever makes up what is sent takes it down at the same time, and compares it with what the answer tells:
   *
   * 1. A knows one version, and sends the removal of k under it; 2. B, of another version, is listed, and wins k; 3. A's reading of the feed learns of B's
   * version; 4. the removal is answered: A knows the list by now, but did not when it made up the removal.
   */
  revision: Revision | undefined;
  private registry: VersionRegistry | undefined;
  /** The clear generation of the newest list that was there; 0: none was there when it was read; `lost`: none is there any more. */
  private lastClear: number | undefined;
  private known: number | undefined;
  private knownFor: KeySpace | undefined;
  private registering: Promise<void> | undefined;
  /** Readings of the list are numbered as they are sent. */
  private sent = 0;
  private learnt = 0;
  /** Of the versions that this process had, by their prefixes. */
  private readonly floors: GenerationFloors;

  constructor(
    private readonly shard: Shard,
    private readonly options: VersionsOptions,
    /** Entries that were there are not: near copies of them go. True: of all versions, and of all parts of the store if it was a clear. */
    private readonly onVoided: (isCleared: boolean) => void,
  ) {
    this.key = listUnder(options.feed);
    this.floors = new GenerationFloors(options.clock);
  }

  /** What entries of the present version carry; undefined: this version is not listed, as far as is known. */
  get generation(): number | undefined {
    return this.generationOf(this.options.keySpace());
  }

  /** As `generation`, of a version that may have been the present one a moment ago. */
  generationOf(space: KeySpace): number | undefined {
    if (space === this.knownFor) return this.known;
    if (space === this.options.keySpace()) {
      this.recompute(space);
      return this.known;
    }
    return this.listedGeneration(space);
  }

  /** The store keys of a text under every version that is listed but the one of `storeKey`, which need not be the present one: the stamp may have changed. */
  otherKeys(text: string, storeKey: string): string[] {
    const others = this.registry?.prefixes.filter(({ prefix }) => !storeKey.startsWith(prefix));
    if (!others || others.length === 0) return none;
    const own = fingerprintOf(this.options.keySpace());
    return others.filter(({ fingerprint }) => fingerprint === own).map(({ prefix }) => storeKeyUnder(prefix, text));
  }

  /** Whether versions are listed whose store keys can't be computed here. */
  get hasStrangers(): boolean {
    const own = fingerprintOf(this.options.keySpace());
    return this.registry?.prefixes.some(({ fingerprint }) => fingerprint !== own) ?? false;
  }

  /** The number of a reading that is about to be sent. */
  begin(): number {
    return ++this.sent;
  }

  /**
   * The list as it was read. False: it is no news, and has to be read once more:
   *
   * 1. A sends a reading; 2. A clears, which is a change of the list, and is answered; 3. the answer to 1 arrives. Taken for the present list, it would
   * bring back what was cleared.
   *
   * Copies may be near though this version is not listed: they were loaded while the shard was away, and the list is gone. So a clear is told from the
   * list before the last one, too, and may have made the first one.
   */
  learn(item: StoredItem | undefined, reading: number, isOwnChange = false): boolean {
    if (reading < this.learnt) return false;
    this.learnt = reading;
    const hadList = this.registry !== undefined;
    const isNews = item !== undefined && !isSameRevision(item.revision, this.revision);
    this.revision = item?.revision;
    this.registry = item && decodeRegistry(item.bytes);
    if (isNews) this.tellOdd();
    // What it said is over, also if it is put back: where there is no room for a clear, the list is removed.
    if (hadList && !this.registry) this.floors.remember(this.options.keySpace().prefix, this.floor + 1);
    const space = this.options.keySpace();
    const before = space === this.knownFor ? this.known : undefined;
    this.recompute(space);
    const isVoided = before !== undefined && this.known !== before;
    const { lastClear } = this;
    this.lastClear = this.registry?.clear ?? (hadList ? lost : (lastClear ?? 0));
    const isCleared = this.registry !== undefined && lastClear !== undefined && this.lastClear !== lastClear;
    if ((isVoided || isCleared) && !isOwnChange) this.onVoided(isCleared);
    return true;
  }

  /** @throws StoreUnavailableError */
  async reread(): Promise<void> {
    for (;;) {
      const reading = this.begin();
      const [item] = await this.shard.readMany([this.key]);
      if (this.learn(item, reading)) return;
    }
  }

  /** Lists the present version, if it is not listed. @throws StoreUnavailableError */
  register(): Promise<void> {
    const list = (): Promise<void> =>
      this.change((registry, seed) => {
        const own = this.listed;
        const isListed = registry && generationOf(registry, own.prefix, own.fingerprint) !== undefined;
        return isListed ? undefined : withPrefix(registry, own, seed, this.options.clock.now());
      });
    return (this.registering ??= list().finally(() => (this.registering = undefined)));
  }

  /** Once an hour, by whichever process sees it first. Never rejects. */
  async renewIfOverdue(): Promise<void> {
    const now = this.options.clock.now();
    const own = this.listed;
    if (!this.registry || !isOverdue(this.registry, own, now)) return;
    await unlessAway(() =>
      this.change((registry, seed) =>
        registry && isOverdue(registry, own, now) ? withPrefix(registry, own, seed, now) : undefined,
      ),
    );
  }

  /** From now on no entry is there, of any version. @throws StoreUnavailableError */
  clear(): Promise<void> {
    return this.voided((registry, seed) => cleared(registry, seed));
  }

  /** From now on no entry of a version is there whose store keys can't be computed here. @throws StoreUnavailableError */
  async voidStrangers(): Promise<void> {
    reportFault({
      source: this.shard.name,
      kind: 'degraded',
      message:
        'Processes with another key format or secret keep entries here. Each invalidation voids all of them. Give all processes the same options.',
    });
    await this.voided((registry, seed) =>
      registry ? withoutStrangers(registry, fingerprintOf(this.options.keySpace()), seed) : undefined,
    );
  }

  /** Where there is no room for the changed list, there is none: no entry is there without it, which is more than was asked for. */
  private async voided(next: NextRegistry): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.change(next);
      } catch (error) {
        if (!(error instanceof StoreUnavailableError) || error instanceof ContendedError) throw error;
        // A store that is away, and not full, doesn't answer this either.
        await this.reread();
        // One slow answer is not for want of room.
        if (tries > 1) break;
      }
    }
    await this.shard.remove(this.key);
    await this.reread();
  }

  /** Compare-and-set of the list; `undefined`: there is nothing to change. */
  private async change(next: NextRegistry): Promise<void> {
    for (let tries = 0; tries < maxTries; tries++) {
      const reading = this.begin();
      const [item] = await this.shard.readMany([this.key]);
      // First what others have changed: the own change alone voids nothing.
      const isNews = this.learn(item, reading);
      const registry = next(this.withoutPutBack(item), Math.max(seed(this.options), this.floor + 1));
      if (!registry) return isNews ? undefined : this.reread();
      const bytes = encodeRegistry(registry);
      const only = this.shard.invalidate ? (item?.revision ?? 'absent') : undefined;
      const { learnt } = this;
      const written = await this.shard.write(this.key, bytes, { ...ofList, ...(only && { only }) });
      if (written.status === 'stored') {
        // What was read while the change was under way may be older or newer than it.
        if (this.learnt !== learnt) return this.reread();
        this.learn({ bytes, revision: written.revision }, this.begin(), true);
        return;
      }
      await this.options.clock.sleep(this.options.random() * 5 * 2 ** Math.min(tries, 5));
    }
    throw new ContendedError(this.shard.name, 'the list of versions was changed by others again and again');
  }

  /**
   * A version whose generation is below one that this process knew is taken for unlisted, and given a new one:
   *
   * 1. Somebody who can write to the store copies the list; 2. everything is cleared, which is acknowledged; 3. the copy is put back: it is signed, and what
   * was made before 2 carries its generation.
   * Its row stays in the list that removals are made up from: a process that started later knows nothing of 2, and serves what it stores under that generation.
   */
  private listedGeneration(space: KeySpace): number | undefined {
    const generation = this.registry && generationOf(this.registry, space.prefix, fingerprintOf(space));
    return generation !== undefined && generation >= this.floors.of(space.prefix) ? generation : undefined;
  }

  private withoutPutBack(item: StoredItem | undefined): VersionRegistry | undefined {
    const registry = item && decodeRegistry(item.bytes);
    return registry && withoutOlder(registry, this.listed, this.floor);
  }

  /** What stands in the list for the present version. */
  private get listed(): Listed {
    const space = this.options.keySpace();
    return { prefix: space.prefix, fingerprint: fingerprintOf(space) };
  }

  private get floor(): number {
    return this.floors.of(this.options.keySpace().prefix);
  }

  private tellOdd(): void {
    const { registry, key } = this;
    if (registry && registry === withoutOlder(registry, this.listed, this.floor)) return;
    const kind = registry ? 'degraded' : 'undecodable';
    const problem = registry ? 'is older than one that this process knew' : 'holds what no process wrote';
    const message = `The list of versions ${problem}. The version is listed anew: nothing that it stored before is served.`;
    reportFault({ source: this.shard.name, kind, message, key });
  }

  private recompute(space: KeySpace): void {
    this.knownFor = space;
    this.known = this.listedGeneration(space);
    if (this.registry) this.floors.remember(space.prefix, this.known ?? this.registry.clear);
  }
}

class ContendedError extends StoreUnavailableError {}

type NextRegistry = (registry: VersionRegistry | undefined, seed: number) => VersionRegistry | undefined;

const ofList = { lifeMs: Infinity, irreplaceable: true } as const;
/** Whoever makes it anew may do so after a clear. */
const lost = -1;
const none: string[] = [];

/** The store key of the list, on each shard. @param head begins the keys of the namespace in all its versions. */
export const listUnder = (head: string): string => `${head}~versions`;

/** Versions of another fingerprint have store keys that can't be computed here. */
export function fingerprintOf(space: KeySpace): string {
  return `${layout}:${space.format}`;
}

/** Where numbers that only grow begin: microseconds since 1970, the last three digits at random, so that a lost one never comes to an old value. */
export function seed({ clock, random }: Pick<VersionsOptions, 'clock' | 'random'>): number {
  return Math.floor(clock.now()) * perMs + Math.floor(random() * perMs);
}
