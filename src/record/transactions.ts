import type { Clock } from '../value/clock.js';
import { positiveMilliseconds } from '../value/duration.js';
import { ConflictError, InvalidOptionError } from '../value/errors.js';
import { KnownOptions } from '../value/known-options.js';
import type { RecordKeys } from './record-keys.js';
import { TransactionOverError } from './record-errors.js';
import { AbortedTransaction } from './transaction.js';
import type { RecordTransaction, TransactionOptions, TransactionOutcome } from './transaction.js';
import { TransactionAttempt } from './transaction-attempt.js';
import type { TransactionConnections } from './transaction-connections.js';

export interface TransactionParts {
  readonly connections: TransactionConnections;
  readonly keys: RecordKeys;
  readonly clock: Clock;
  /** 0 ≤ n < 1. */
  readonly random: () => number;
  /** Off in negative controls only: a throw, an abort and a read-only end are believed as they are. */
  readonly confirms?: boolean;
}

type BodyResult<T> = { readonly value: T } | { readonly error: unknown };

const longestPauseMs = 50;

const known = KnownOptions.of<TransactionOptions>('transaction()', { attempts: true, deadline: true, signal: true });

/**
 * Runs bodies over WATCH, MULTI and EXEC, again and again while others change what they read.
 *
 * A body reads in several trips, and others may write between them: it can see a list of before and the members of after, a state that never was. EXEC tells
 * at the end; so a throw, an abort and a body that only reads are confirmed by one as well, and run again where something had changed.
 */
export class Transactions {
  constructor(private readonly parts: TransactionParts) {}

  async run<T>(
    body: (tx: RecordTransaction) => Promise<T> | T,
    options: TransactionOptions = {},
  ): Promise<TransactionOutcome<T>> {
    known.check(options);
    const { attempts = 25, deadline = '2s', signal } = options;
    if (!Number.isInteger(attempts) || attempts < 1) {
      throw new InvalidOptionError('attempts', `${attempts} is not a number of attempts`, 'Give 1 or more.');
    }
    const { connections, clock } = this.parts;
    const giveUpAt = clock.monotonic() + positiveMilliseconds(deadline, 'deadline');
    const connection = await connections.take(giveUpAt, signal);
    try {
      signal?.throwIfAborted();
      for (let attempt = 1; ; attempt++) {
        const tx = new TransactionAttempt(connection, this.parts.keys);
        const outcome = await this.attempt(tx, body, attempt).catch((error: unknown) => {
          // A connection that may watch something, or wait for an answer, is not handed on.
          if (!(error instanceof BodyError)) connection.end('a transaction on it has failed');
          throw error;
        });
        if (outcome) return outcome;
        const isLast = attempt === attempts || clock.monotonic() > giveUpAt;
        if (isLast) throw new ConflictError([...tx.watched].slice(0, 3).join(', '), attempt);
        await clock.sleep(this.parts.random() * Math.min(longestPauseMs, 2 ** attempt), signal);
        signal?.throwIfAborted();
      }
    } catch (error) {
      throw error instanceof BodyError ? error.error : error;
    } finally {
      connections.give(connection);
    }
  }

  /** `undefined`: something that was read had changed. @throws BodyError for what the body threw, once that is confirmed. */
  private async attempt<T>(
    tx: TransactionAttempt,
    body: (tx: RecordTransaction) => Promise<T> | T,
    attempts: number,
  ): Promise<TransactionOutcome<T> | undefined> {
    const result = await resultOf(body, tx);
    tx.end();
    if ('value' in result && tx.isReading) {
      await tx.forget();
      throw new BodyError(TransactionOverError.whileReading());
    }
    const isAborted = 'value' in result && result.value instanceof AbortedTransaction;
    if ('error' in result || isAborted || !tx.hasWrites) {
      if (this.parts.confirms === false) await tx.forget();
      else if (!(await tx.confirm())) return undefined;
      if ('error' in result) throw new BodyError(result.error);
      if (isAborted) return { status: 'aborted', reason: (result.value as AbortedTransaction<never>).reason };
    } else if (!(await tx.commit())) return undefined;
    const value = result.value as Exclude<T, AbortedTransaction<unknown>>;
    return { status: 'committed', value, attempts };
  }
}

/** What a body threw, apart from what its connection may throw. */
class BodyError {
  constructor(readonly error: unknown) {}
}

async function resultOf<T>(
  body: (tx: RecordTransaction) => Promise<T> | T,
  tx: RecordTransaction,
): Promise<BodyResult<T>> {
  try {
    return { value: await body(tx) };
  } catch (error) {
    return { error };
  }
}
