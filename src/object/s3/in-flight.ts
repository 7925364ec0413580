/** Work that is under way, so many at once. The first failure is everybody's. */
export class InFlight {
  private readonly running = new Set<Promise<void>>();
  private failure: { readonly error: unknown } | undefined;

  constructor(private readonly most: number) {}

  /** Starts the work and resolves when there is room for more. @throws what any work has failed with. */
  async add(work: () => Promise<void>): Promise<void> {
    this.throwFailure();
    const run: Promise<void> = work()
      .catch((error: unknown) => void (this.failure ??= { error }))
      .finally(() => this.running.delete(run));
    this.running.add(run);
    while (this.running.size >= this.most) await Promise.race(this.running);
    this.throwFailure();
  }

  /** Resolves when nothing is under way. @throws what any work has failed with. */
  async settled(): Promise<void> {
    await Promise.all(this.running);
    this.throwFailure();
  }

  private throwFailure(): void {
    if (this.failure) throw this.failure.error;
  }
}
