import type { DiskKey } from './disk-key.js';
import { ageInTouch, copyItemBytes, headView, isLive, readHead, sealRecord } from './disk-record.js';
import type { DiskInstant, DiskRecord, RecordHead } from './disk-record.js';
import type { Environment, Lmdb } from './environment.js';

/** A live record as an operation finds it. The copy of its bytes is made only for those who ask. */
export interface Present extends RecordHead {
  /** In milliseconds, since it was written. */
  ageMs(): number;
  copyBytes(): Buffer;
}

/** What an operation makes of what it found: an answer, and a change that the answer depends on. */
export type Decision<T> =
  | { readonly answer: T }
  | { readonly answer: T; readonly remove: true }
  | {
      readonly answer: (revision: number) => T;
      /** Without `revision` the record is given a new one. */
      readonly put: Omit<DiskRecord, 'revision'> & { readonly revision?: number };
    };

/** What a caller asks for. */
export interface Asked {
  /** On the clock of `hostMonotonicMs`: when its caller gives it up. It is not planned then any more. Default: never. */
  readonly until?: number | undefined;
  /** Of what it writes, as far as that is known before. Default 0. */
  readonly bytes?: number;
}

export interface Operation<T> extends Asked {
  readonly key: DiskKey;
  /** True: the decision doesn't look at what is there, and nothing is read. */
  readonly blind?: boolean;
  decide(present: Present | undefined, nowMs: number): Decision<T>;
}

/** Changes of several keys that are made together or not at all. */
export interface GroupOperation<T> extends Asked {
  /** Revisions that it draws, at most. */
  readonly numbers: number;
  /** Decides on what `find` tells, and changes nothing otherwise. May be called again, on another state. */
  decideAll(keys: GroupKeys, nowMs: number): T;
}

/** What a group may look at and change. */
export interface GroupKeys {
  /** What is there; the group is bound to it. Its bytes are to be copied before the next look. */
  find(key: DiskKey): Present | undefined;
  /** @returns the revision of what will be there. */
  put(key: DiskKey, record: Omit<DiskRecord, 'revision'>): number;
  remove(key: DiskKey): void;
}

/** What the batch so far leaves under a key: the number of the state, and the record; neither where there is none. */
interface State {
  readonly version: number | null;
  readonly record?: Buffer;
  readonly size: number;
}

export interface Change {
  readonly key: DiskKey;
  /** The state that must still stand; null: none; undefined: any. */
  readonly expected: number | null | undefined;
  readonly record?: Buffer;
  readonly version: number;
}

/** Applied only if each condition stands. */
export interface ChangeGroup {
  readonly conditions: readonly { readonly key: DiskKey; readonly version: number | null }[];
  readonly changes: readonly Change[];
}

export interface Planned<T> {
  readonly answer: T;
  readonly change?: Change | ChangeGroup;
}

const absent: State = { version: null, size: 0 };

/**
 * Operations that go to the disk in one transaction. Each decides on what the snapshot and the operations before it left, and its
 * change is bound to that state: the writing thread, which alone holds LMDB's lock, applies it only if the state still stands.
 *
 * 1. Process A reads state 7 of a key.  2. Process B commits state 8.  3. A's transaction finds 8 where 7 was expected, changes
 * nothing under this key, and the operation decides anew.  So no lock is ever held while JavaScript runs, and a process that is busy or
 * stopped keeps nobody from writing.
 */
export class WriteBatch {
  private readonly states = new Map<DiskKey, State>();
  readonly changes: (Change | ChangeGroup)[] = [];
  bytes = 0;

  constructor(
    private readonly environment: Environment,
    private readonly lmdb: Lmdb,
    private readonly now: DiskInstant,
    private readonly nextNumber: () => number,
  ) {}

  plan<T>(operation: Operation<T>): Planned<T> {
    const { key, blind = false } = operation;
    const state = blind ? absent : this.stateOf(key);
    const decision = operation.decide(this.present(state), this.now.nowMs);
    if ('put' in decision) {
      const version = this.nextNumber();
      const revision = decision.put.revision ?? version;
      const record = sealRecord({ ...decision.put, revision }, this.now);
      const change = { key, expected: blind ? undefined : state.version, record, version };
      this.push(change, { version, record, size: record.length });
      return { answer: decision.answer(revision), change };
    }
    if (!('remove' in decision) || state.version === null) return { answer: decision.answer };
    const change = { key, expected: state.version, version: 0 };
    this.push(change, absent);
    return { answer: decision.answer, change };
  }

  planGroup<T>(operation: GroupOperation<T>): Planned<T> {
    const conditions: ChangeGroup['conditions'][number][] = [];
    const changes: Change[] = [];
    const own = new Set<DiskKey>();
    const change = (each: Change, state: State): void => {
      changes.push(each);
      own.add(each.key);
      this.note(each, state);
    };
    const answer = operation.decideAll(
      {
        find: (key) => {
          const state = this.stateOf(key);
          if (!own.has(key)) conditions.push({ key, version: state.version });
          return this.present(state);
        },
        put: (key, given) => {
          const version = this.nextNumber();
          const record = sealRecord({ ...given, revision: version }, this.now);
          change({ key, expected: undefined, record, version }, { version, record, size: record.length });
          return version;
        },
        remove: (key) => change({ key, expected: undefined, version: 0 }, absent),
      },
      this.now.nowMs,
    );
    const group = { conditions, changes };
    this.changes.push(group);
    return { answer, change: group };
  }

  private push(change: Change, state: State): void {
    this.changes.push(change);
    this.note(change, state);
  }

  private note(change: Change, state: State): void {
    this.states.set(change.key, state);
    this.bytes += change.record?.length ?? 0;
  }

  private stateOf(key: DiskKey): State {
    const known = this.states.get(key);
    if (known) return known;
    const record = this.environment.getBinaryFast(key);
    if (!record) return absent;
    // The record lies in lmdb's reused buffer: good until the next read, and `decide` runs before that.
    return { version: this.lmdb.lastVersion(), record, size: this.environment.lastSize };
  }

  private present({ record, size }: State): Present | undefined {
    const view = record && headView(record);
    if (!view || !isLive(view, this.now)) return undefined;
    return {
      ...readHead(record),
      ageMs: () => ageInTouch(view, this.now),
      copyBytes: () => copyItemBytes(record, size),
    };
  }
}

/**
 * Hands a batch's changes to lmdb, which writes them in one transaction on a thread of its own.
 *
 * @returns per change whether its expected state stood, once all are committed and every process can read them.
 * @throws lmdb's wrapper of what went wrong (`commitFailure`); nothing was changed then.
 */
export async function commit(environment: Environment, changes: readonly (Change | ChangeGroup)[]): Promise<boolean[]> {
  const results: Promise<boolean>[] = [];
  const committed = environment.batch(() => {
    for (const change of changes) {
      results.push('conditions' in change ? writeGroup(environment, change) : write(environment, change));
    }
  });
  const [outcome, ...applied] = await Promise.allSettled([committed, ...results]);
  if (outcome.status === 'rejected') throw outcome.reason;
  return applied.map((result, i) => {
    const change = changes[i];
    const isBlind = change && !('conditions' in change) && change.expected === undefined;
    return isBlind || (result.status === 'fulfilled' && result.value);
  });
}

function write(environment: Environment, { key, expected, record, version }: Change): Promise<boolean> {
  return record
    ? environment.put(key, record, version, expected as number)
    : environment.remove(key, expected as number);
}

/** Conditions within conditions: the writing thread goes on to the next only if the one before stands. */
function writeGroup(environment: Environment, { conditions, changes }: ChangeGroup): Promise<boolean> {
  const stood: Promise<boolean>[] = [];
  const within = (index: number): void => {
    const condition = conditions[index];
    if (!condition) {
      for (const change of changes) stood.push(write(environment, change).then(() => true));
      return;
    }
    stood.push(environment.ifVersion(condition.key, condition.version as number, () => within(index + 1)));
  };
  within(0);
  return Promise.all(stood).then((all) => all.every(Boolean));
}

export type AnyOperation = Operation<unknown> | GroupOperation<unknown>;

/** Revisions that it draws, at most. */
export const numberOf = (operation: AnyOperation): number => ('decideAll' in operation ? operation.numbers : 1);

export const planOf = (batch: WriteBatch, operation: AnyOperation): Planned<unknown> =>
  'decideAll' in operation ? batch.planGroup(operation) : batch.plan(operation);

export function changesOf({ change }: Planned<unknown>): readonly Change[] {
  if (!change) return [];
  return 'conditions' in change ? change.changes : [change];
}

/** Of the records that it writes, in bytes. */
const sizeOf = (plan: Planned<unknown>): number =>
  changesOf(plan).reduce((sum, { record }) => sum + (record?.length ?? 0), 0);

/** How many of the first go into so many bytes. */
export function countWithin(plans: readonly { readonly plan: Planned<unknown> }[], bytes: number): number {
  let left = bytes;
  const beyond = plans.findIndex(({ plan }) => (left -= sizeOf(plan)) < 0);
  return beyond < 0 ? plans.length : beyond;
}

/** What the answer stands on. */
export function keysOf(operation: AnyOperation, { change }: Planned<unknown>): readonly DiskKey[] {
  if (!('decideAll' in operation)) return [operation.key];
  return change && 'conditions' in change ? [...change.conditions, ...change.changes].map(({ key }) => key) : [];
}
