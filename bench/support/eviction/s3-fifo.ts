const maxUses = 3;

interface Resident {
  readonly key: number;
  uses: number;
}

/**
 * S3-FIFO (Yang and others, SOSP 2023) as a plain model that only says hit or miss: a small queue of a tenth of the capacity, a main queue of the
 * rest, and the names of as many keys as the main queue holds that went from the small one. Maps keep their order: they are the queues.
 */
export class S3Fifo {
  private readonly small = new Map<number, Resident>();
  private readonly main = new Map<number, Resident>();
  private readonly ghosts = new Set<number>();
  private readonly smallCapacity: number;

  constructor(private readonly capacity: number) {
    this.smallCapacity = Math.max(1, Math.floor(capacity / 10));
  }

  /** Looks a key up, and keeps it if it was not there. */
  hits(key: number): boolean {
    const resident = this.small.get(key) ?? this.main.get(key);
    if (resident) {
      resident.uses = Math.min(maxUses, resident.uses + 1);
      return true;
    }
    while (this.small.size + this.main.size >= this.capacity) this.evict();
    (this.ghosts.delete(key) ? this.main : this.small).set(key, { key, uses: 0 });
    return false;
  }

  private evict(): void {
    if (this.small.size >= this.smallCapacity || this.main.size === 0) this.evictSmall();
    else this.evictMain();
  }

  private evictSmall(): void {
    for (const resident of this.small.values()) {
      this.small.delete(resident.key);
      if (resident.uses <= 1) {
        this.rememberGhost(resident.key);
        return;
      }
      resident.uses = 0;
      this.main.set(resident.key, resident);
      if (this.main.size > this.capacity - this.smallCapacity) this.evictMain();
    }
  }

  private evictMain(): void {
    for (const resident of this.main.values()) {
      this.main.delete(resident.key);
      if (resident.uses === 0) return;
      resident.uses--;
      this.main.set(resident.key, resident);
    }
  }

  private rememberGhost(key: number): void {
    this.ghosts.add(key);
    if (this.ghosts.size <= this.capacity - this.smallCapacity) return;
    for (const oldest of this.ghosts) {
      this.ghosts.delete(oldest);
      return;
    }
  }
}
