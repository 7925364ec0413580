import { TieredCacheError } from '../value/errors.js';
import type { Caused } from '../value/errors.js';

/** EXEC was sent, and the connection ended before its answer: the transaction has happened as a whole, or not at all. */
export class UnknownOutcomeError extends TieredCacheError {
  readonly code = 'UNKNOWN_OUTCOME';

  /** @param keys the records that the transaction would have written. */
  constructor(
    readonly keys: readonly string[],
    options?: Caused,
  ) {
    super(
      `${shortened(keys)}: no answer to the transaction, which has happened as a whole or not at all. Read the records to learn which.`,
      options,
    );
  }
}

/**
 * Some commands of a transaction failed on the server; Redis has carried out the others, and takes nothing back. Where MULTI is among them, as after its right
 * was withdrawn from a connection that stands, the others were carried out one by one, whatever had changed of what the body read.
 */
export class PartialTransactionError extends TieredCacheError {
  readonly code = 'PARTIAL_TRANSACTION';

  /** @param failures the commands that failed, and the server's words. All others did happen. The key of MULTI is all keys that were to be written. */
  constructor(
    readonly failures: readonly { readonly command: string; readonly key: string; readonly problem: string }[],
  ) {
    const named = failures.map(({ command, key, problem }) => `${command} ${key} (${problem})`);
    super(
      `${shortened(named)}: failed, while the transaction's other commands did happen. Look at what stands under these keys.`,
    );
  }
}

/** A transaction was used after its body had ended; or the body has ended while it still read, and nothing has happened. */
export class TransactionOverError extends TieredCacheError {
  readonly code = 'TRANSACTION_OVER';

  constructor(problem = 'The transaction is over.') {
    super(`${problem} Await everything that its body begins, and keep \`tx\` to its body.`);
  }

  /** @internal */
  static whileReading(): TransactionOverError {
    return new TransactionOverError(
      'The body of the transaction has ended while it was reading, and nothing was written.',
    );
  }
}

function shortened(names: readonly string[]): string {
  const more = names.length > 3 ? ` and ${names.length - 3} more` : '';
  return `${names.slice(0, 3).join(', ')}${more}`;
}
