import { lastingText } from '../value/lasting-text.js';

/**
 * Remembers what was invalidated in this process and when, so that a read or load that began earlier is not kept:
 *
 * 1. a read begins: it notes `position`;
 * 2. its key is named: by a write of this process, or by the feed, for another's;
 * 3. the read ends and would be kept near: `namedSince(name, position)` is true, and it is not.
 *
 * Names are what the feed calls keys, and tags as {@link tagName} spells them.
 *
 * A load with a life of 0 *withdraws* its key: what is shared under it goes, and nothing was invalidated. That names the key like any other
 * naming, but for what one request holds alone:
 *
 * 1. requests R1 and R2 load the key for themselves; 2. R1's load ends and withdraws the key; 3. R2's load ends: what it brings is as true as
 * ever, and R2 keeps it.
 */
export class InvalidatedNames {
  /** Grows with every invalidation, and with every copy that is kept near. What begins now notes this number. */
  position = 0;
  private lastNamedAt = 0;
  /** By name, when it was last named: in two generations, so that names are forgotten all at once and none is ever taken out of a map. */
  private recent = new Map<string, number>();
  private older = new Map<string, number>();
  /** No name of the older generation was named later. */
  private olderUntil = 0;
  /** Everything counts as named at this position: older notes than that are not remembered one by one. */
  private allNamedAt = 0;
  /** Of names that were withdrawn since: when they were last invalidated. */
  private readonly beforeWithdrawal = new Map<string, number>();

  /**
   * @param maxNames remembered at most; and at least half of them, of those that were named last.
   * @param enabled false only in tests that show what happens without it.
   */
  constructor(
    private readonly maxNames = 20_000,
    private readonly enabled = true,
  ) {}

  name(name: string): void {
    this.beforeWithdrawal.delete(name);
    this.note(name);
  }

  withdraw(name: string): void {
    if (!this.beforeWithdrawal.has(name)) this.beforeWithdrawal.set(lastingText(name), this.lastNamed(name));
    this.note(name);
  }

  private note(name: string): void {
    this.lastNamedAt = ++this.position;
    this.recent.set(this.recent.has(name) ? name : lastingText(name), this.position);
    if (this.recent.size >= this.maxNames / 2) this.forgetOlder();
  }

  /** Whatever began before now is not kept, whatever its name. */
  nameAll(): void {
    this.lastNamedAt = this.allNamedAt = ++this.position;
    this.recent = new Map();
    this.older = new Map();
    this.beforeWithdrawal.clear();
  }

  namedSince(name: string, position: number): boolean {
    // Nearly always nothing at all was named in between, and no name is looked up.
    if (!this.anyNamedSince(position)) return false;
    return position < this.allNamedAt || this.lastNamed(name) > position;
  }

  /** As `namedSince`, withdrawals left out. */
  invalidatedSince(name: string, position: number): boolean {
    if (!this.namedSince(name, position)) return false;
    return position < this.allNamedAt || (this.beforeWithdrawal.get(name) ?? Infinity) > position;
  }

  /** Whether anything at all was named since, that what is not remembered by name might have been. */
  anyNamedSince(position: number): boolean {
    return position < this.lastNamedAt && this.enabled;
  }

  /** A copy is kept near: whatever began before is told from it. @returns the position that it is known to be true at. */
  advance(): number {
    return ++this.position;
  }

  private lastNamed(name: string): number {
    return this.recent.get(name) ?? this.older.get(name) ?? 0;
  }

  private forgetOlder(): void {
    this.allNamedAt = Math.max(this.allNamedAt, this.olderUntil);
    this.older = this.recent;
    this.olderUntil = this.position;
    this.recent = new Map();
    for (const name of this.beforeWithdrawal.keys()) {
      if (!this.older.has(name)) this.beforeWithdrawal.delete(name);
    }
  }
}

/** A tag among names: two NULs, with which no key's name begins. */
export function tagName(tag: string): string {
  return `\0\0${tag}`;
}

export const isTagName = (name: string): boolean => name.startsWith('\0\0');

export const tagIn = (name: string): string => name.slice(2);

/** What is left to do after names, or in their place, among names: one NUL. A key's name begins with none, and a tag's with two. */
export function followUpName(kind: 'again' | 'call' | 'clear' | 'end', id: string | number): string {
  return `\0${kind} ${id}`;
}
