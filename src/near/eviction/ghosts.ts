/** A bucket fills half a cache line: a miss looks in one. */
const ways = 8;
const perEntry = 2;
/** The number of entries may grow by as much before the table is replaced. */
const headroom = 1.25;
const ageSteps = 2 ** 6;
const stepsPerCapacity = 16;
const epochs = 2 ** 9;

/**
 * Which keys went lately. A ghost takes 4 bytes: 16 bits of the key's hash, the queue that the key was in (1), its age in evictions (6), the
 * epoch of its last use (9). A wrong ghost, about one in 8,000 looks, misjudges one admission.
 */
export class Ghosts {
  private table = new Int32Array(0);
  private bucketsPerHash = 0;
  private evictionsPerStep = 1;
  private step = 0;
  private evictions = 0;
  private capacity = 1;

  constructor(private readonly maxEntries: number) {}

  /** @param capacity how many entries the map holds now. What is known is lost when the table has to be replaced. */
  resize(capacity: number): void {
    this.capacity = capacity;
    this.evictionsPerStep = Math.max(1, Math.floor(capacity / stepsPerCapacity));
    const { length } = this.table;
    if (length > 0 && length * headroom >= capacity * perEntry && length <= capacity * 8 + 64) return;
    const buckets = Math.max(1, Math.ceil((Math.min(capacity * headroom, this.maxEntries) * perEntry) / ways));
    this.table = new Int32Array(buckets * ways);
    this.bucketsPerHash = buckets / 2 ** 32;
  }

  /** An entry goes. The oldest ghost of its bucket makes room. */
  remember(hash: number, wasInMain: boolean, epoch: number): void {
    if (++this.evictions >= this.evictionsPerStep) {
      this.evictions = 0;
      this.step = (this.step + 1) & (ageSteps - 1);
    }
    const first = this.bucketOf(hash);
    let chosen = first;
    let oldest = -1;
    for (let place = first; place < first + ways; place++) {
      const ghost = this.table[place] as number;
      const age = ghost === 0 ? ageSteps : this.steps(ghost);
      if (age <= oldest) continue;
      oldest = age;
      chosen = place;
      if (ghost === 0) break;
    }
    this.table[chosen] = (tagOf(hash) << 16) | (wasInMain ? 0x8000 : 0) | (this.step << 9) | (epoch & (epochs - 1));
  }

  /** The key's ghost, which is taken out; 0 if there is none that is young enough to say anything. */
  recall(hash: number): number {
    const first = this.bucketOf(hash);
    const tag = tagOf(hash);
    for (let place = first; place < first + ways; place++) {
      const ghost = this.table[place] as number;
      if (ghost >>> 16 !== tag) continue;
      this.table[place] = 0;
      return this.evictionsSince(ghost) > 2 * this.capacity ? 0 : ghost;
    }
    return 0;
  }

  wasInMain(ghost: number): boolean {
    return (ghost & 0x8000) !== 0;
  }

  /** How many entries went since, to a sixteenth of the capacity. */
  evictionsSince(ghost: number): number {
    return this.steps(ghost) * this.evictionsPerStep;
  }

  /** How many epochs ago the key was last used, if it was less than 512. */
  age(ghost: number, currentEpoch: number): number {
    return (currentEpoch - ghost) & (epochs - 1);
  }

  private steps(ghost: number): number {
    return (this.step - (ghost >> 9)) & (ageSteps - 1);
  }

  private bucketOf(hash: number): number {
    return Math.floor((hash >>> 0) * this.bucketsPerHash) * ways;
  }
}

/** Never 0: an empty place is 0. */
function tagOf(hash: number): number {
  return hash & 0xffff || 1;
}
