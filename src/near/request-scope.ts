import { AsyncLocalStorage } from 'node:async_hooks';
import type { NearCopy } from './near-copy.js';

/** Where none is open, no look-up asks for the present one: that question costs as much as the hit it would delay (Node 20). */
let openScopes = 0;

/** A number that was looked up, and the position among invalidated names before it was: worth nothing once its name was invalidated since. */
export interface Note {
  readonly number: number;
  readonly position: number;
}

/** What of a value tells whether it was invalidated since it was read, or was stale then. A copy is one. */
export type Read = Pick<NearCopy, 'mark' | 'tags' | 'freshUntil'>;

/** What a request holds, by owner. Whoever keeps hold of it sees it to the end, also when the request has ended. */
export type HeldTiers = ReadonlyMap<unknown, RequestTier>;

/** The most that a request holds of one cache; the oldest go first. A job that reads a table through one scope must not hold all of it. */
const maxCopies = 10_000;

/** What one request holds of one cache, or of one namespace of a request cache, by the ids of keys. */
export class RequestTier {
  private readonly copies = new Map<string, NearCopy>();
  /** What it was given and does not answer from: turned down, overtaken, or invalidated by itself. Until it reads the key anew. */
  private notes: Map<string, Read> | undefined = undefined;
  /** The marks of what had to go and is not known any more: something was read, and nobody knows what. */
  forgottenMark = Infinity;

  get(id: string): NearCopy | undefined {
    return this.copies.get(id);
  }

  set(id: string, copy: NearCopy): void {
    this.copies.set(id, copy);
    this.notes?.delete(id);
    if (this.copies.size > maxCopies) this.forgetOldest(this.copies);
  }

  delete(id: string): boolean {
    return this.copies.delete(id);
  }

  /** What was read, and is not answered from, counts as read all the same. */
  note(id: string, { mark, tags, freshUntil }: Read): void {
    const notes = (this.notes ??= new Map<string, Read>());
    notes.set(id, { mark, tags, freshUntil });
    if (notes.size > maxCopies) this.forgetOldest(notes);
  }

  /** Not answered from any more. */
  drop(id: string): void {
    const copy = this.copies.get(id);
    if (copy && this.copies.delete(id)) this.note(id, copy);
  }

  clear(): void {
    for (const id of this.copies.keys()) this.drop(id);
  }

  entries(): Iterable<[string, NearCopy]> {
    return this.copies;
  }

  /** All that the request has read, by id. */
  reads(): Iterable<[string, Read]> {
    return this.notes ? [...this.copies, ...this.notes] : this.copies;
  }

  private forgetOldest(of: Map<string, Read>): void {
    for (const [id, { mark }] of of) {
      of.delete(id);
      this.forgottenMark = Math.min(this.forgottenMark, mark);
      return;
    }
  }
}

/** What one request holds. Gone when the request is. */
export class ScopeState {
  /** A forced miss was granted: reads skip all tiers but this request's own. */
  forced = false;
  closed = false;

  constructor() {
    openScopes++;
  }

  private tiers: Map<unknown, RequestTier> | undefined = undefined;
  private notes: Map<unknown, Map<string, Note>> | undefined = undefined;

  /** The part of the request tier that belongs to `owner`: a cache, or one namespace of a request cache. */
  tierOf(owner: unknown): RequestTier {
    const tiers = (this.tiers ??= new Map<unknown, RequestTier>());
    let tier = tiers.get(owner);
    if (!tier) tiers.set(owner, (tier = new RequestTier()));
    return tier;
  }

  /** The parts of it, by owner. */
  get held(): HeldTiers {
    return (this.tiers ??= new Map<unknown, RequestTier>());
  }

  /** Numbers that are looked up once per request, such as the generations of tags. */
  notesOf(owner: unknown): Map<string, Note> {
    const notes = (this.notes ??= new Map<unknown, Map<string, Note>>());
    let part = notes.get(owner);
    if (!part) notes.set(owner, (part = new Map<string, Note>()));
    return part;
  }

  clearAll(): void {
    for (const tier of this.tiers?.values() ?? []) tier.clear();
    this.notes?.clear();
  }

  /**
   * Work that outlives the request finds nothing here and leaves nothing. Nothing is lost by that: a load that goes on when its request has ended, such as
   * one whose client has left, has kept hold of what the request had read.
   */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    openScopes--;
    this.tiers = undefined;
    this.notes = undefined;
  }
}

/** Carries a scope's state along a request's asynchronous work. The default is AsyncLocalStorage. */
export interface ScopeStorage {
  /** In here, and only in here, the state is the current one; `undefined`: there is none. */
  run<R>(state: ScopeState | undefined, work: () => R): R;
  /**
   * As `run`, at the beginning of a request or message: may keep the state in a context that is this request's own. Default: `run`.
   * @param request what HTTP middleware is given; undefined for messages.
   */
  open?<R>(state: ScopeState, work: () => R, request?: object): R;
  current(): ScopeState | undefined;
}

const local = new AsyncLocalStorage<ScopeState | undefined>();

export const asyncLocalScopeStorage: ScopeStorage = {
  run: (state, work) => local.run(state, work),
  current: () => local.getStore(),
};

/**
 * One request, message or job. The module opens a scope for each HTTP request; open one yourself around a queue job, a cron run or
 * a command. Two scopes never see each other's request tier, and outside of any scope the request tier misses and keeps nothing.
 */
export class RequestScope {
  constructor(private readonly storage: ScopeStorage = asyncLocalScopeStorage) {}

  /**
   * Runs `work` in a new scope, also inside of another one, and closes it when the returned promise settles.
   * @example await scope.run(async () => importCatalog(job.data))
   */
  async run<R>(work: () => R | Promise<R>): Promise<R> {
    const state = new ScopeState();
    try {
      return await this.storage.run(state, work);
    } finally {
      state.close();
    }
  }

  get active(): boolean {
    return this.current() !== undefined;
  }

  /**
   * From now on this request's look-ups skip the process tier and the store, once per key: what is loaded is written back and answered
   * by the request tier. Ask who is asking first: this is a way around the cache. Does nothing outside of a scope.
   */
  forceMiss(): void {
    const state = this.current();
    if (!state) return;
    state.forced = true;
    state.clearAll();
  }

  /** @internal Opens a scope that the caller closes: for transports that know when a request is over. */
  open<R>(state: ScopeState, work: () => R, request?: object): R {
    return this.storage.open ? this.storage.open(state, work, request) : this.storage.run(state, work);
  }

  /** @internal False: it travels in a context that something else opens, which must be open before the scope is. */
  get hasOwnContext(): boolean {
    return this.storage.open === undefined;
  }

  /** @internal Runs work that must not see the request that happens to have started it. */
  outside<R>(work: () => R): R {
    return this.storage.run(undefined, work);
  }

  /** @internal The open scope, if there is one. */
  current(): ScopeState | undefined {
    if (openScopes === 0) return undefined;
    const state = this.storage.current();
    return state === undefined || state.closed ? undefined : state;
  }
}
