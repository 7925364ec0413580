import { setImmediate as turn, setTimeout as pause } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { TieredCache } from '../../../src/cache/tiered-cache.js';
import { versionedKey } from '../../../src/key/key.js';
import { RequestCache } from '../../../src/near/request-cache.js';
import { RequestScope } from '../../../src/near/request-scope.js';
import type { ScopeState } from '../../../src/near/request-scope.js';
import { seededRandom } from '../../support/seeded-random.js';

/** What came of the visits. */
export interface Verdict {
  /** Each a sentence: who saw what of whom. */
  readonly crossings: readonly string[];
  readonly scopes: number;
  /** Of a value that each request loads for itself, once. */
  readonly loads: number;
  /** How many steps were under way at once. */
  readonly mostInside: number;
  /** Scopes that nobody closed. */
  readonly open: number;
}

/** What each of many interleaved requests does, and who notices when one sees another's request tier. */
@Injectable()
export class Visits {
  readonly crossings: string[] = [];
  readonly leftOver: Promise<void>[] = [];
  private readonly random = seededRandom(7);
  private readonly scopes = new Map<ScopeState | undefined, number>();
  private loads = 0;
  private inside = 0;
  private mostInside = 0;
  private over = new AbortController();

  constructor(
    private readonly requestCache: RequestCache,
    private readonly cache: TieredCache,
    readonly scope: RequestScope,
  ) {}

  /** The whole of a request: enters, takes some steps one after the other and side by side, and leaves work behind. */
  async visit(id: number): Promise<number> {
    this.enter(id);
    return this.stay(id);
  }

  async stay(id: number): Promise<number> {
    await this.step(id);
    await Promise.all([this.step(id), this.step(id)]);
    return id;
  }

  /** A request begins: nobody was here before. */
  enter(id: number): void {
    const own = this.requestCache.namespace('visits');
    if (own.get('who') !== undefined) this.crossings.push(`${id} began with ${String(own.get('who'))}`);
    own.set('who', id);
    const state = this.scope.current();
    if (this.scopes.has(state)) this.crossings.push(`${id} began in the scope of ${this.scopes.get(state)}`);
    this.scopes.set(state, id);
    this.leftOver.push(this.outlive(id));
  }

  /** Work of the same request, wherever it runs. */
  async step(id: number): Promise<number> {
    this.mostInside = Math.max(this.mostInside, ++this.inside);
    await (this.random.integer(0, 2) === 0 ? turn() : pause(this.random.integer(5, 30)));
    const who = this.requestCache.namespace('visits').get('who');
    if (who !== id) this.crossings.push(`${id} saw ${String(who)}`);
    if (this.scopes.get(this.scope.current()) !== id) this.crossings.push(`${id} was in another scope`);
    // Kept for this request alone: the key is everybody's, the value is not.
    const mine = await this.cache.getOrSet('mine', () => id, { ttl: 0 });
    if (mine !== id) this.crossings.push(`${id} was given the value of ${String(mine)}`);
    await this.cache.getOrSet(versionedKey('own', id), () => ++this.loads, { ttl: 0 });
    this.inside--;
    return id;
  }

  get openScopes(): number {
    return [...this.scopes.keys()].filter((state) => state?.closed !== true).length;
  }

  /** Once every request is answered: what came of it, after waiting for what the requests left behind. */
  async verdict(): Promise<Verdict> {
    this.over.abort();
    await Promise.all(this.leftOver);
    const { crossings, loads, mostInside } = this;
    return { crossings, loads, mostInside, scopes: this.scopes.size, open: this.openScopes };
  }

  /** Goes on in the request's context until all requests are over. */
  private async outlive(id: number): Promise<void> {
    while (!this.over.signal.aborted) await pause(10);
    const who = this.requestCache.namespace('visits').get('who');
    if (who !== undefined || this.scope.active) this.crossings.push(`something of ${String(who)} was left to ${id}`);
  }
}
