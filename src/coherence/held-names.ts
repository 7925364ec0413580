interface Held {
  writes: number;
  /** The ticket of the call that began last. */
  latest: number;
}

/** Names of which a write is being sent, and the latest call for each of them. */
export class HeldNames {
  private readonly names = new Map<string, Held>();

  /** Until what it returns is called. */
  hold(names: readonly string[]): () => void {
    for (const name of names) {
      const held = this.names.get(name);
      if (held) held.writes++;
      else this.names.set(name, { writes: 1, latest: 0 });
    }
    return () => {
      for (const name of names) {
        const held = this.names.get(name);
        if (held && --held.writes === 0) this.names.delete(name);
      }
    };
  }

  has(name: string): boolean {
    return this.names.has(name);
  }

  /** @param ticket larger than those of all calls before. */
  note(names: readonly string[], ticket: number): void {
    if (this.names.size === 0) return;
    for (const name of names) {
      const held = this.names.get(name);
      if (held) held.latest = ticket;
    }
  }

  latestOf(name: string): number {
    return this.names.get(name)?.latest ?? 0;
  }
}
