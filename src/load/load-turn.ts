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

/** What one flight has of the places: one of its own, or that of a loader which waits for it, or a turn to wait for. */
export class LoadTurn {
  private own: LoadPlace | undefined = undefined;
  private lent: LoadPlace | undefined = undefined;
  /** A loader runs under its place, or is about to. */
  private isUsed = false;
  /** Told of its place; there while it waits for one. */
  onPlace: (() => void) | undefined = undefined;

  get place(): LoadPlace | undefined {
    return this.own ?? this.lent;
  }

  /** A loader is to run under its place. False: it has none. */
  use(): boolean {
    return (this.isUsed = this.place !== undefined);
  }

  take(place: LoadPlace): void {
    this.own = place.share();
    this.onPlace?.();
  }

  /** Kept for as long as a loader waits, also beside a place of its own: that one is left whenever it looks again. False: it has been lent one already. */
  borrow(place: LoadPlace): boolean {
    if (this.lent) return false;
    this.lent = place.share();
    this.onPlace?.();
    return true;
  }

  /** No loader waits for it any more. Under its own place it goes on; what runs under one that was lent runs to the end. */
  forgo(): void {
    if (this.own || !this.isUsed) this.giveBack();
  }

  /** Nothing runs under it now. @param isLent what was lent stays: a loader waits for it. */
  leave(isLent: boolean): void {
    const { own } = this;
    this.own = undefined;
    this.isUsed = false;
    own?.leave();
    if (!isLent) this.giveBack();
  }

  end(): void {
    this.leave(false);
  }

  private giveBack(): void {
    const { lent } = this;
    this.lent = undefined;
    lent?.leave();
  }
}
