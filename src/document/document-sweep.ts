import { randomBytes } from 'node:crypto';
import { itemsOf, textOf } from '../store/redis/redis-reply.js';
import type { DocumentBackup } from './document-backup.js';
import { dropEarlier } from './earlier-documents.js';

export interface SweepOptions {
  /** Takes what has waited for its backup this long, in ms. */
  readonly olderThanMs: number;
  /** Longer than any upload by the clock of whoever uploads: what was on its way has arrived by then, or never will, unless that machine was suspended. */
  readonly lateMs: number;
  /** How long it is remembered that a document was deleted. */
  readonly removedForMs: number;
  /** Whether Redis is compared with the index and with the object store, as after a restore or when a replica has taken over. */
  readonly isThorough: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** What a sweep has found and done. */
export interface SweptDocuments {
  /** Documents that are backed up now. */
  readonly uploaded: number;
  /** Documents that could not be; another sweep takes them up. */
  readonly failed: number;
  /** Deleted documents whose objects are gone for good: nothing is remembered of them any more. */
  readonly removed: number;
  /** What was coming in when its process ended. */
  readonly unfinished: number;
  /** Documents that the index did not know of. */
  readonly adopted: number;
  /** Documents in Redis that were dropped, because the object store has a later revision. */
  readonly dropped: number;
}

/** Single documents may be damaged; if so many pages in a row fail, it is not them. */
const maxVainPages = 5;

/** No more of them are taken up while so many could not be looked for: each is asked for with every sweep. */
const maxUnseen = 100;

/** Takes up what processes that have ended left behind. Two at a time do no harm: each step may be repeated. */
export class DocumentSweep {
  private readonly word = randomBytes(12).toString('hex');
  /** Deleted documents that could not be looked for. Those that a process had when it ended are looked for when their marks go. */
  private readonly unseen = new Set<string>();

  constructor(
    private readonly backup: DocumentBackup,
    private readonly attempt: (id: string) => Promise<boolean>,
    /** How many are taken up at a time. */
    private readonly atOnce: number,
  ) {}

  /** Whether it is this process's turn; the others' turn comes once this one stops asking. */
  takeTurn(forMs: number): Promise<boolean> {
    return this.backup.server.takeTurn(this.word, forMs);
  }

  async run({ olderThanMs, lateMs, removedForMs, isThorough, signal }: SweepOptions): Promise<SweptDocuments> {
    const { server } = this.backup;
    const { names } = server;
    const adopted = isThorough ? await this.adopt(signal) : 0;
    if (isThorough) await server.recount();
    const nowMicros = await server.micros();
    const before = (ms: number): string => String(nowMicros - ms * 1_000);
    const swept = { uploaded: 0, failed: 0, removed: 0, unfinished: 0, adopted, dropped: 0 };

    swept.failed += await untilVain(this.due(names.dirty, before(olderThanMs), signal), async (ids) => {
      const attempts = await Promise.all(ids.map((id) => this.attempt(id)));
      const done = attempts.filter(Boolean).length;
      swept.uploaded += done;
      return ids.length - done;
    });
    const forgotten = nowMicros - Math.max(lateMs, removedForMs) * 1_000;
    swept.failed += await untilVain(this.due(names.removed, String(forgotten), signal), async (ids) => {
      const finished = await Promise.allSettled(ids.map((id) => this.finish(id)));
      const done = finished.filter(({ status }) => status === 'fulfilled').length;
      swept.removed += done;
      return ids.length - done;
    });
    swept.failed += await this.lookAgain(forgotten, nowMicros - lateMs * 1_000, signal);
    for await (const stages of this.due(names.staged, before(lateMs), signal)) {
      await Promise.all(stages.map((name) => server.giveUp(name)));
      swept.unfinished += stages.length;
    }
    await server.turnFloors(lateMs);
    if (isThorough) swept.dropped = await dropEarlier(this.backup, signal);
    return swept;
  }

  /** Removes what was on its way when a document was deleted, once for each, whichever process does it. @returns how many it could not look for. */
  private lookAgain(from: number, upTo: number, signal: AbortSignal | undefined): Promise<number> {
    return untilVain(this.toLookFor(from, upTo, signal), async (ids) => {
      const looked = await Promise.allSettled(ids.map((id) => this.backup.prune(id)));
      const unseen = ids.filter((_, index) => looked[index]?.status === 'rejected');
      for (const id of ids) this.unseen.delete(id);
      // At the end: those that others stand before have their turn too.
      for (const id of unseen) this.unseen.add(id);
      return unseen.length;
    });
  }

  /** Those that nobody has looked for, and then those that this process could not. */
  private async *toLookFor(
    from: number,
    upTo: number,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<readonly string[], void> {
    const again = [...this.unseen];
    while (this.unseen.size < maxUnseen) {
      signal?.throwIfAborted();
      const ids = await this.backup.server.takeRemoved(from, upTo, this.atOnce);
      if (ids.length === 0) break;
      yield ids;
    }
    for (let at = 0; at < again.length; at += this.atOnce) {
      signal?.throwIfAborted();
      yield again.slice(at, at + this.atOnce);
    }
  }

  /** Its objects went when it was deleted, but for those that were on their way then. */
  private async finish(id: string): Promise<void> {
    const { server } = this.backup;
    const revision = textOf(await server.ask('ZSCORE', server.names.removed, id));
    await this.backup.prune(id);
    if (revision) await server.forgetRemoved(id, revision);
  }

  /** The index may lack what a restore has brought, and name what somebody else has removed. */
  private async adopt(signal: AbortSignal | undefined): Promise<number> {
    const { server } = this.backup;
    let adopted = 0;
    for (let cursor = '0', isFirst = true; isFirst || cursor !== '0'; isFirst = false) {
      signal?.throwIfAborted();
      const reply = itemsOf(await server.ask('SCAN', cursor, 'MATCH', server.names.documents, 'COUNT', '500')) ?? [];
      cursor = textOf(reply[0]) ?? '0';
      const ids = (itemsOf(reply[1]) ?? []).map((key) => server.names.idOf(textOf(key) ?? ''));
      const found = await Promise.all(ids.filter((id) => id !== undefined).map((id) => server.reconcile(id)));
      adopted += found.filter((one) => one === 'adopted').length;
    }
    return adopted;
  }

  /** Members of a sorted set up to a score, page by page. Those that stay in it are passed by. */
  private async *due(
    key: string,
    upTo: string,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<readonly string[], void> {
    const seen = new Set<string>();
    for (let offset = 0; ;) {
      signal?.throwIfAborted();
      const page = await this.backup.server.ask(
        'ZRANGEBYSCORE',
        key,
        '-inf',
        upTo,
        'LIMIT',
        String(offset),
        String(this.atOnce),
      );
      const members = (itemsOf(page) ?? []).map((member) => textOf(member) ?? '');
      const fresh = members.filter((member) => !seen.has(member));
      if (members.length === 0) return;
      for (const member of fresh) seen.add(member);
      if (fresh.length > 0) yield fresh;
      // What was done has left the set, and the next page has moved up.
      else offset += members.length;
    }
  }
}

/**
 * Works on one page after the other. Where pages fail as a whole the object store is away: what waits will be there for the next sweep.
 * @param work resolves to how many of the page failed. @returns how many of all.
 */
async function untilVain(
  pages: AsyncIterable<readonly string[]>,
  work: (ids: readonly string[]) => Promise<number>,
): Promise<number> {
  let failed = 0;
  let vainPages = 0;
  for await (const ids of pages) {
    const failedHere = await work(ids);
    failed += failedHere;
    vainPages = failedHere < ids.length ? 0 : vainPages + 1;
    if (vainPages === maxVainPages) break;
  }
  return failed;
}
