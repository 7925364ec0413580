/** Names of which a write is being sent. */
export class HeldNames {
  private readonly writes = new Map<string, number>();

  /** Until what it returns is called. */
  hold(names: readonly string[]): () => void {
    for (const name of names) this.writes.set(name, (this.writes.get(name) ?? 0) + 1);
    return () => {
      for (const name of names) {
        const others = (this.writes.get(name) ?? 1) - 1;
        if (others > 0) this.writes.set(name, others);
        else this.writes.delete(name);
      }
    };
  }

  has(name: string): boolean {
    return this.writes.has(name);
  }
}
