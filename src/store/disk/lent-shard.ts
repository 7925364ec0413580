import type { Socket } from 'node:net';
import { StoreUnavailableError, TieredCacheError } from '../../value/errors.js';
import type { Shard } from '../store.js';
import type { KeyPage } from './key-page.js';
import { FrameReader, frameOf } from './wire.js';

/**
 * A shard whose keys can be listed in parts. What changes something takes one more argument, `until`: when, on the clock of `hostMonotonicMs`, it has
 * been given up by whoever asked for it. It changes nothing then.
 */
export interface LendableShard extends Shard {
  keyPage(prefix: string, after?: Uint8Array): Promise<KeyPage>;
}

/** What another container may ask for. All of them take and give plain data. */
export const lentOperations = [
  'readMany',
  'readOrStub',
  'write',
  'remove',
  'increment',
  'touch',
  'stats',
  'invalidate',
  'readFeed',
  'keyPage',
] as const satisfies readonly (keyof LendableShard)[];

export type LentOperation = (typeof lentOperations)[number];

export interface LentRequest {
  readonly id: number;
  readonly operation: LentOperation;
  /** As many as the operation has, but for `until`. */
  readonly args: readonly unknown[];
  readonly until: number;
}

/** What went wrong at the lender, and what to do. */
export interface LentFailure {
  readonly problem: string;
  /** Absent: what helps a folder. */
  readonly remedy?: string;
  /** Reads go on. */
  readonly isRefusal?: true;
}

export type LentReply = { readonly id: number; readonly result: unknown } | ({ readonly id: number } & LentFailure);

/** Four items of the largest size. A lender cuts the connection to whoever sends more. */
export const maxRequestBytes = 64 * 2 ** 20;

/**
 * Carries out on this process's shard what a process of another container asks for over the socket.
 *
 * @param shard undefined while there is none that is open.
 */
export function lendShard(socket: Socket, shard: () => LendableShard | undefined): void {
  const reply = (message: LentReply): void => {
    if (!socket.destroyed) socket.write(frameOf(message));
  };
  const requests = new FrameReader(maxRequestBytes, (message) => {
    const { id, operation, args, until } = message as LentRequest;
    void carryOut(shard(), operation, [...args, until]).then(
      (result) => reply({ id, result }),
      (error: unknown) => reply({ id, ...failureOf(error) }),
    );
  });
  socket.on('data', (chunk: Buffer) => {
    try {
      requests.push(chunk);
    } catch {
      socket.destroy();
    }
  });
}

function failureOf(error: unknown): LentFailure {
  if (error instanceof StoreUnavailableError) {
    const { problem, remedy, isRefusal } = error;
    return { problem, remedy, ...(isRefusal && { isRefusal }) };
  }
  return { problem: error instanceof TieredCacheError ? error.message.replace(/\.$/, '') : 'the operation failed' };
}

type Methods = Partial<Record<LentOperation, (...args: readonly unknown[]) => Promise<unknown>>>;

async function carryOut(
  shard: Shard | undefined,
  operation: LentOperation,
  args: readonly unknown[],
): Promise<unknown> {
  const method = lentOperations.includes(operation) ? operation : undefined;
  const answer = method && (shard as Methods | undefined)?.[method]?.(...args);
  if (answer === undefined) throw new Error('there is nobody to ask');
  return answer;
}
