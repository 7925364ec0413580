type Name = string | symbol;
type Note = (name: Name) => void;

/** An object that tells which of its members are read. */
export interface WatchedMembers<T> {
  readonly value: T;
  /** To be called before what was read is looked at. */
  readonly end: () => void;
}

/**
 * @param note is called with the name of each member that is read, and of each that is asked for and missing.
 * @param ignoresLists what lists or copies all members reads none.
 */
export function watchMembers<T extends object>(whole: T, note: Note, ignoresLists: boolean): WatchedMembers<T> {
  const listing = ignoresLists ? new Listing(note) : undefined;
  const value = new Proxy(whole, {
    get(target, name) {
      if (!listing?.asksForValue(name)) note(name);
      return Reflect.get(target, name) as unknown;
    },
    has(target, name) {
      note(name);
      return name in target;
    },
    getOwnPropertyDescriptor(target, name) {
      if (!listing?.asksForDescriptor(name)) note(name);
      return Reflect.getOwnPropertyDescriptor(target, name);
    },
    ownKeys(target) {
      const names = Reflect.ownKeys(target);
      listing?.begin(names);
      return names;
    },
  });
  return { value, end: () => listing?.end() };
}

/**
 * Whoever lists or copies an object asks for its names, once for the descriptor of each, and for all values: each right after its descriptor, as a spread does, or
 * in order after all descriptors, as JSON does. A loop that looks for one name begins as a spread: it is none as soon as it passes a value over, or ends early.
 */
class Listing {
  private names: readonly Name[] = [];
  private readonly undescribed = new Set<Name>();
  private described: Name | undefined = undefined;
  private isSpread = false;
  /** Taken for a spread's, so far. */
  private spread: Name[] = [];
  private readInOrder = 0;
  private readonly readByName = new Set<Name>();

  constructor(private readonly note: Note) {}

  begin(names: readonly Name[]): void {
    this.end();
    this.names = names;
    for (const name of names) this.undescribed.add(name);
    this.described = undefined;
    this.isSpread = true;
    this.readInOrder = 0;
  }

  asksForDescriptor(name: Name): boolean {
    if (this.described !== undefined) this.isNoSpread();
    this.described = name;
    return this.undescribed.delete(name);
  }

  asksForValue(name: Name): boolean {
    const isSpread = this.isSpread && this.described === name;
    this.described = undefined;
    if (isSpread) {
      this.spread.push(name);
      return true;
    }
    if (this.names[this.readInOrder] !== name) {
      this.readByName.add(name);
      return false;
    }
    this.readInOrder++;
    return true;
  }

  /** Values that were read in order, or as by a spread, were not listed unless all were. A spread may leave out what was read by name: `{ host, ...rest }`. */
  end(): void {
    if (this.readInOrder < this.names.length) this.noteAll(this.names.slice(0, this.readInOrder));
    const isLeft = [...this.undescribed].some((name) => !this.readByName.has(name));
    if (isLeft || this.described !== undefined) this.isNoSpread();
    this.spread = [];
  }

  private isNoSpread(): void {
    this.isSpread = false;
    this.noteAll(this.spread);
    this.spread = [];
  }

  private noteAll(names: readonly Name[]): void {
    for (const name of names) {
      this.readByName.add(name);
      this.note(name);
    }
  }
}
