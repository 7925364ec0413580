/** The right of one loader to run, shared by the loads that it waits for. Free again when the last of them has left. */
export class LoadPlace {
  private users = 0;

  constructor(private readonly onFree: () => void) {}

  share(): this {
    this.users++;
    return this;
  }

  leave(): void {
    if (--this.users === 0) this.onFree();
  }
}

/** What one flight has of the places: one of its own, those of the loaders that wait for it, or a turn to wait for. */
export class LoadTurn {
  private own: LoadPlace | undefined = undefined;
  /** Each with how many lend it: of the flights that wait for this one, those that have it. */
  private readonly lent = new Map<LoadPlace, number>();
  /** A loader runs under its places, or is about to. */
  private isUsed = false;
  /** Told of its place; there while it waits for one. */
  onPlace: (() => void) | undefined = undefined;

  get places(): ReadonlySet<LoadPlace> {
    return new Set(this.own ? [this.own, ...this.lent.keys()] : this.lent.keys());
  }

  /** A loader is to run under its places. False: it has none. */
  use(): boolean {
    return (this.isUsed = this.own !== undefined || this.lent.size > 0);
  }

  take(place: LoadPlace): void {
    this.own = place.share();
    this.onPlace?.();
  }

  /**
   * Kept for as long as a lender waits, also beside a place of its own: that one is left whenever it looks again.
   * @returns whether it did not have the place before.
   */
  borrow(place: LoadPlace): boolean {
    const lenders = this.lent.get(place) ?? 0;
    this.lent.set(place, lenders + 1);
    if (lenders > 0) return false;
    place.share();
    this.onPlace?.();
    return this.own !== place;
  }

  /**
   * A lender waits no longer. A loader that runs under no other place keeps it, as its own.
   * @returns whether it has the place no more.
   */
  giveBack(place: LoadPlace): boolean {
    const lenders = this.lent.get(place) ?? 0;
    if (lenders > 1) this.lent.set(place, lenders - 1);
    if (lenders !== 1) return false;
    this.lent.delete(place);
    if (this.isUsed && !this.own && this.lent.size === 0) {
      this.own = place;
      return false;
    }
    place.leave();
    return this.own !== place;
  }

  /** Nothing runs under it now. What is lent stays. @returns the place that it has no more. */
  leave(): LoadPlace | undefined {
    const { own } = this;
    this.own = undefined;
    this.isUsed = false;
    own?.leave();
    return own && this.lent.has(own) ? undefined : own;
  }

  end(): void {
    this.leave();
    for (const place of this.lent.keys()) place.leave();
    this.lent.clear();
  }
}
