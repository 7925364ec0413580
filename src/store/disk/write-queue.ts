import { answerTimer } from '../../value/answer-timer.js';
import type { Clock } from '../../value/clock.js';
import type { StoreUnavailableError } from '../../value/errors.js';
import { RareFaults } from '../../value/rare-faults.js';
import { CallerLine } from './caller-line.js';
import type { Caller } from './caller-line.js';
import type { CommitGate } from './commit-gate.js';
import { commitFailure } from './environment.js';
import type { DiskInstant } from './disk-record.js';
import type { Environment, Lmdb } from './environment.js';
import { folderUnavailable, writeRefused } from './folder-unavailable.js';
import { RevisionBlock } from './revision-block.js';
import type { TransactionBounds } from './transaction-bounds.js';
import { changesOf, commit, countWithin, keysOf, numberOf, planOf, WriteBatch } from './write-batch.js';
import type { Change, ChangeGroup, GroupOperation, Operation, Planned } from './write-batch.js';

export interface WriteQueueOptions {
  readonly name: string;
  readonly now: () => DiskInstant;
  readonly clock: Clock;
  readonly gate: CommitGate;
  /** How long a transaction may take before those who wait for it are told that the store can't be reached. */
  readonly deadlineMs: number;
  /** A group counts as many changes as it draws numbers. One operation that is larger goes alone. */
  readonly bounds: () => TransactionBounds;
  /**
   * Called before each transaction with the bytes it adds; removes what it must through `apply`.
   *
   * @param withinMs when to leave off: one step is taken in any case.
   * @returns the bytes that there is room for now; Infinity: enough.
   */
  readonly makeRoom: (bytes: number, withinMs: number) => Promise<number>;
  /** A transaction failed, or (with undefined) succeeded. */
  readonly settled: (failure: unknown) => void;
}

interface PlannedCall {
  readonly caller: Caller;
  readonly plan: Planned<unknown>;
}

/** Each conflict is another process's success; after so many in a row an operation takes the lock and can't lose. */
const maxConflicts = 6;
/** A failed transaction is seldom followed at once by one that succeeds, and lmdb writes a line to stderr for each. */
const pauseAfterFailureMs = 500;

/**
 * Writes go through here, one transaction at a time; what is asked while one is under way shares the next. A caller's promise
 * resolves when its change is committed: visible to every process.
 */
export class WriteQueue {
  private readonly line = new CallerLine();
  private readonly block = new RevisionBlock();
  private readonly faults: RareFaults;
  private inFlight: readonly Caller[] = [];
  private running: Promise<void> | undefined;
  private closed: StoreUnavailableError | undefined;
  private failed: { readonly until: number; readonly cause: unknown } | undefined;
  private wroteAt = -Infinity;
  private stuck = false;
  /** Nothing is under way, and the gate could not be told. */
  private saysBusy = false;
  private onStuck: (() => void) | undefined;

  constructor(
    private readonly environment: Environment,
    private readonly lmdb: Lmdb,
    private readonly options: WriteQueueOptions,
  ) {
    this.faults = new RareFaults(options.name, options.clock);
  }

  /** Rejects with StoreUnavailableError, and with nothing else. */
  run<T>(operation: Operation<T> | GroupOperation<T>): Promise<T> {
    const refusal = this.refusal();
    if (refusal) return Promise.reject(refusal);
    return new Promise<T>((resolve, reject) => {
      const answer = resolve as (answer: unknown) => void;
      const askedAt = this.options.clock.monotonic();
      this.line.add({ operation, askedAt, resolve: answer, reject, conflicts: 0, givenUp: false });
      this.running ??= this.drain();
    });
  }

  /** Lets `makeRoom` look, without a write that needs it. */
  nudge(): void {
    if (this.saysBusy && !this.running) this.leaveGate();
    if (!this.refusal()) this.running ??= this.drain();
  }

  /** For `makeRoom`: commits changes of its own between two transactions. */
  apply(changes: readonly (Change | ChangeGroup)[]): Promise<boolean[]> {
    return this.watched(() => commit(this.environment, changes));
  }

  /**
   * Refuses what comes and what waits, and lets the transaction under way finish.
   *
   * @returns false when that one is stuck: lmdb must not be waited for.
   */
  async close(reason: StoreUnavailableError): Promise<boolean> {
    this.closed ??= reason;
    this.giveUp(this.line.takeAll(), reason);
    while (this.running && !this.stuck) {
      await Promise.race([this.running, new Promise<void>((resolve) => (this.onStuck = resolve))]);
    }
    return !this.stuck;
  }

  private refusal(): StoreUnavailableError | undefined {
    if (this.closed) return this.closed;
    if (this.stuck) return this.unavailable('an earlier write has not come back from the disk');
    if (!this.failed || this.options.clock.monotonic() >= this.failed.until) return undefined;
    return writeRefused(this.options.name, 'a write has just failed', this.failed.cause);
  }

  private async drain(): Promise<void> {
    // The callers of one turn share a transaction.
    await Promise.resolve();
    do {
      const callers = this.line.next(this.options.bounds());
      this.inFlight = callers;
      try {
        const wrote = await this.transact(callers);
        if (wrote) {
          this.failed = undefined;
          this.wroteAt = this.options.clock.monotonic();
          this.options.settled(undefined);
        }
      } catch (cause) {
        this.failed = { until: this.options.clock.monotonic() + pauseAfterFailureMs, cause };
        const error = writeRefused(this.options.name, 'a write failed', cause);
        this.giveUp(callers, error);
        this.giveUp(this.line.takeAll(), error);
        this.options.settled(cause);
      }
      this.inFlight = [];
    } while (!this.line.isEmpty);
    this.running = undefined;
  }

  /** @returns whether anything was written. */
  private async transact(callers: readonly Caller[]): Promise<boolean> {
    await this.options.makeRoom(0, this.options.deadlineMs / 4);
    if (callers.length === 0) return false;
    if (!this.block.has(callers.reduce((sum, { operation }) => sum + numberOf(operation), 0)))
      await this.watched(() => this.block.renew(this.environment));
    if (callers.some(({ conflicts }) => conflicts >= maxConflicts)) return this.transactAlone(callers);
    const { changes, bytes, plans } = this.plan(callers);
    if (changes.length === 0) this.options.gate.assertInPlace();
    else if (!(await this.hasRoom(bytes, plans))) return false;
    const applied = changes.length > 0 ? await this.apply(changes) : [];
    const failed = new Set(changes.filter((_, i) => applied[i] !== true));
    // A change that found another state takes with it what was decided, after it and for the same key, on the strength of it.
    const overtaken = new Set<unknown>();
    const again: Caller[] = [];
    for (const { caller, plan } of plans) {
      const keys = keysOf(caller.operation, plan);
      for (const key of plan.change ? keys : []) {
        if (failed.has(plan.change as Change | ChangeGroup)) overtaken.add(key);
        else overtaken.delete(key);
      }
      if (!keys.some((key) => overtaken.has(key))) {
        caller.resolve(plan.answer);
        continue;
      }
      caller.conflicts++;
      if (!caller.givenUp) again.push(caller);
    }
    this.tryAgain(again);
    return changes.length > 0;
  }

  private tryAgain(callers: readonly Caller[], most?: number): void {
    if (this.closed) this.giveUp(callers, this.closed);
    else this.line.putBack(callers, most);
  }

  /**
   * Where one step makes room for the first of them alone, these go first, and the rest is planned anew. One that no room can be made for holds up those behind it
   * for the deadline. Whoever was given up meanwhile is left out, and what was decided after it is decided anew.
   */
  private async hasRoom(bytes: number, plans: readonly PlannedCall[]): Promise<boolean> {
    const { name, clock, deadlineMs, makeRoom } = this.options;
    const callers = plans.map(({ caller }) => caller);
    const lateAt = Math.max(callers[0]?.askedAt ?? 0, this.wroteAt) + deadlineMs;
    const room = await makeRoom(bytes, callers.length > 1 ? 0 : lateAt - clock.monotonic());
    if (room < bytes && callers.length === 1 && clock.monotonic() >= lateAt) {
      const refusal = writeRefused(name, `making room for a write takes longer than ${deadlineMs} ms`);
      this.faults.degraded('no room', refusal.message);
      this.giveUp(callers, refusal);
    }
    const awaited = this.awaited(callers);
    if (room >= bytes && awaited.length === callers.length) return true;
    this.tryAgain(awaited, room < bytes ? Math.max(1, countWithin(plans, room)) : undefined);
    return false;
  }

  /** Decides on what is there now, all in one snapshot; what would make the transaction too large waits for the next. */
  private plan(callers: readonly Caller[]) {
    const awaited = this.awaited(callers);
    const { bytes: maxBytes } = this.options.bounds();
    const batch = this.batch();
    const plans: PlannedCall[] = [];
    this.environment.resetReadTxn();
    try {
      for (const caller of awaited) {
        if (batch.bytes > maxBytes) break;
        plans.push({ caller, plan: planOf(batch, caller.operation) });
      }
    } finally {
      this.environment.resetReadTxn();
    }
    this.line.putBack(awaited.slice(plans.length));
    return { changes: batch.changes, bytes: batch.bytes, plans };
  }

  /** Decides while LMDB's lock is held. */
  private async transactAlone(callers: readonly Caller[]): Promise<boolean> {
    const plans = await this.watched(() =>
      this.environment.transaction(() => {
        const batch = this.batch();
        return this.awaited(callers).map((caller) => {
          const plan = planOf(batch, caller.operation);
          for (const { key, record, version } of changesOf(plan)) {
            if (record) void this.environment.put(key, record, version);
            else void this.environment.remove(key);
          }
          return { caller, plan };
        });
      }),
    );
    for (const { caller, plan } of plans) caller.resolve(plan.answer);
    return true;
  }

  /** Without those that their callers gave up: somebody else may have removed and written since. */
  private awaited(callers: readonly Caller[]): readonly Caller[] {
    const { hostMs } = this.options.now();
    const late = callers.filter(({ operation: { until = Infinity } }) => hostMs >= until);
    if (late.length > 0) this.giveUp(late, this.unavailable('its turn came too late'));
    return callers.filter(({ givenUp }) => !givenUp);
  }

  private batch(): WriteBatch {
    return new WriteBatch(this.environment, this.lmdb, this.options.now(), () => this.block.next());
  }

  /**
   * Waits for its turn and for lmdb, and tells the callers when it takes too long: another process was stopped while it held the lock
   * or opened, or the disk hangs. Their writes may arrive later. Nothing else is begun until it is over. What this process's own blocked loop has not
   * read is no failure of the folder.
   */
  private async watched<T>(transaction: () => Promise<T>): Promise<T> {
    const { clock, deadlineMs } = this.options;
    const timer = answerTimer(clock, deadlineMs, () => {
      this.stuck = true;
      const error = this.unavailable(`a write takes longer than ${deadlineMs} ms`);
      this.giveUp(this.inFlight, error);
      this.giveUp(this.line.takeAll(), error);
      this.onStuck?.();
    });
    try {
      await this.options.gate.enter();
      return await transaction();
    } catch (error) {
      throw await commitFailure(error);
    } finally {
      this.stuck = false;
      timer.cancel();
      this.leaveGate();
    }
  }

  /** What can't be written now, on a full disk, is written by the next transaction or `nudge`: openers wait for it. */
  private leaveGate(): void {
    try {
      this.options.gate.leave();
      this.saysBusy = false;
    } catch {
      this.saysBusy = true;
    }
  }

  private giveUp(callers: readonly Caller[], error: StoreUnavailableError): void {
    for (const caller of callers) {
      caller.givenUp = true;
      caller.reject(error);
    }
  }

  private unavailable(problem: string): StoreUnavailableError {
    return folderUnavailable(this.options.name, problem);
  }
}
