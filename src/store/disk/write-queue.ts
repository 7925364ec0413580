import type { Clock } from '../../value/clock.js';
import type { StoreUnavailableError } from '../../value/errors.js';
import type { CommitGate } from './commit-gate.js';
import { commitFailure } from './environment.js';
import type { DiskKey } from './disk-key.js';
import type { DiskInstant } from './disk-record.js';
import type { Environment, Lmdb } from './environment.js';
import { folderUnavailable } from './folder-unavailable.js';
import { RevisionBlock } from './revision-block.js';
import type { TransactionBounds } from './transaction-bounds.js';
import { commit, WriteBatch } from './write-batch.js';
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
  /** Called before each transaction with the bytes it adds; removes what it must through `apply`. */
  readonly makeRoom: (bytes: number) => Promise<void>;
  /** A transaction failed, or (with undefined) succeeded. */
  readonly settled: (failure: unknown) => void;
}

interface Caller {
  readonly operation: Operation<unknown> | GroupOperation<unknown>;
  resolve(answer: unknown): void;
  reject(error: unknown): void;
  conflicts: number;
  /** It was told that the store can't be reached. */
  givenUp: boolean;
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
  private readonly waiting: Caller[] = [];
  private readonly block = new RevisionBlock();
  private inFlight: readonly Caller[] = [];
  private running: Promise<void> | undefined;
  private closed: StoreUnavailableError | undefined;
  private failed: { readonly until: number; readonly cause: unknown } | undefined;
  private stuck = false;
  /** Nothing is under way, and the gate could not be told. */
  private saysBusy = false;
  private onStuck: (() => void) | undefined;

  constructor(
    private readonly environment: Environment,
    private readonly lmdb: Lmdb,
    private readonly options: WriteQueueOptions,
  ) {}

  /** Rejects with StoreUnavailableError, and with nothing else. */
  run<T>(operation: Operation<T> | GroupOperation<T>): Promise<T> {
    const refusal = this.refusal();
    if (refusal) return Promise.reject(refusal);
    return new Promise<T>((resolve, reject) => {
      const answer = resolve as (answer: unknown) => void;
      this.waiting.push({ operation, resolve: answer, reject, conflicts: 0, givenUp: false });
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
    this.giveUp(this.waiting.splice(0), reason);
    while (this.running && !this.stuck) {
      await Promise.race([this.running, new Promise<void>((resolve) => (this.onStuck = resolve))]);
    }
    return !this.stuck;
  }

  private refusal(): StoreUnavailableError | undefined {
    if (this.closed) return this.closed;
    if (this.stuck) return this.unavailable('an earlier write has not come back from the disk');
    if (!this.failed || this.options.clock.monotonic() >= this.failed.until) return undefined;
    return this.unavailable('a write has just failed', this.failed.cause);
  }

  private async drain(): Promise<void> {
    // The callers of one turn share a transaction.
    await Promise.resolve();
    do {
      const callers = this.nextCallers();
      this.inFlight = callers;
      try {
        const wrote = await this.transact(callers);
        if (wrote) {
          this.failed = undefined;
          this.options.settled(undefined);
        }
      } catch (cause) {
        this.failed = { until: this.options.clock.monotonic() + pauseAfterFailureMs, cause };
        const error = this.unavailable('a write failed', cause);
        this.giveUp(callers, error);
        this.giveUp(this.waiting.splice(0), error);
        this.options.settled(cause);
      }
      this.inFlight = [];
    } while (this.waiting.length > 0);
    this.running = undefined;
  }

  private nextCallers(): Caller[] {
    const bounds = this.options.bounds();
    let [numbers, bytes] = [0, 0];
    let count = 0;
    for (const { operation } of this.waiting) {
      numbers += numberOf(operation);
      bytes += operation.bytes ?? 0;
      if (count > 0 && (numbers > bounds.changes || bytes > bounds.bytes)) break;
      count++;
    }
    return this.waiting.splice(0, count);
  }

  /** @returns whether anything was written. */
  private async transact(callers: readonly Caller[]): Promise<boolean> {
    await this.options.makeRoom(0);
    if (callers.length === 0) return false;
    if (!this.block.has(numbersOf(callers))) await this.watched(() => this.block.renew(this.environment));
    if (callers.some(({ conflicts }) => conflicts >= maxConflicts)) return this.transactAlone(callers);
    const { changes, bytes, plans } = this.plan(callers);
    if (changes.length > 0) await this.options.makeRoom(bytes);
    else this.options.gate.assertInPlace();
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
    if (this.closed) this.giveUp(again, this.closed);
    else this.waiting.unshift(...again);
    return changes.length > 0;
  }

  /** Decides on what is there now, all in one snapshot; what would make the transaction too large waits for the next. */
  private plan(callers: readonly Caller[]) {
    const awaited = this.awaited(callers);
    const { bytes: maxBytes } = this.options.bounds();
    const batch = this.batch();
    const plans: { caller: Caller; plan: Planned<unknown> }[] = [];
    this.environment.resetReadTxn();
    try {
      for (const caller of awaited) {
        if (batch.bytes > maxBytes) break;
        plans.push({ caller, plan: planOf(batch, caller.operation) });
      }
    } finally {
      this.environment.resetReadTxn();
    }
    this.waiting.unshift(...awaited.slice(plans.length));
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
   * or opened, or the disk hangs. Their writes may arrive later. Nothing else is begun until it is over.
   */
  private async watched<T>(transaction: () => Promise<T>): Promise<T> {
    let pending = true;
    const timer = this.options.clock.after(this.options.deadlineMs, () => {
      // The answer may lie ready behind an event loop that was blocked: it gets one turn to come in.
      setImmediate(() => {
        if (!pending) return;
        this.stuck = true;
        const error = this.unavailable(`a write takes longer than ${this.options.deadlineMs} ms`);
        this.giveUp(this.inFlight, error);
        this.giveUp(this.waiting.splice(0), error);
        this.onStuck?.();
      });
    });
    try {
      await this.options.gate.enter();
      return await transaction();
    } catch (error) {
      throw await commitFailure(error);
    } finally {
      pending = false;
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

  private unavailable(problem: string, cause?: unknown): StoreUnavailableError {
    return folderUnavailable(this.options.name, problem, cause);
  }
}

type AnyOperation = Caller['operation'];

const numberOf = (operation: Caller['operation']): number => ('decideAll' in operation ? operation.numbers : 1);
const numbersOf = (callers: readonly Caller[]): number =>
  callers.reduce((sum, { operation }) => sum + numberOf(operation), 0);

const planOf = (batch: WriteBatch, operation: AnyOperation): Planned<unknown> =>
  'decideAll' in operation ? batch.planGroup(operation) : batch.plan(operation);

function changesOf({ change }: Planned<unknown>): readonly Change[] {
  if (!change) return [];
  return 'conditions' in change ? change.changes : [change];
}

/** What the answer stands on. */
function keysOf(operation: AnyOperation, { change }: Planned<unknown>): readonly DiskKey[] {
  if (!('decideAll' in operation)) return [operation.key];
  return change && 'conditions' in change ? [...change.conditions, ...change.changes].map(({ key }) => key) : [];
}
