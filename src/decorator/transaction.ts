import { AsyncLocalStorage } from 'node:async_hooks';

/** Something to be done once a transaction has committed. */
export type AfterCommitWork = () => Promise<void>;

/**
 * Hands work to the transaction library that is in use, which does it once the present transaction has committed, and never if it is rolled
 * back.
 *
 * @returns false where no transaction runs: the work is done at once.
 * @example (work) => isTransactionActive() && (runOnTransactionCommit(() => void work()), true)
 */
export type AfterCommitHook = (work: AfterCommitWork) => boolean;

/** What the module provides of its option `afterCommit`, for each cache. */
export interface CommitHooks {
  readonly afterCommit: AfterCommitHook;
}

/** What waits for a commit. */
export interface NamedWork {
  readonly work: AfterCommitWork;
  /**
   * Done instead where an inner transaction has resolved and the one around it rejects: it may have committed by itself. Never rejects.
   * Absent: the work is done only where every transaction that it was named in has resolved.
   */
  readonly inDoubt?: AfterCommitWork;
}

interface Transaction {
  readonly waiting: NamedWork[];
  /** What was named inside of inner ones that have resolved. */
  readonly resolvedInside: AfterCommitWork[];
  readonly outer: Transaction | undefined;
  /** What it has begun may outlive it: a timer, a listener, a call that nobody waited for. */
  isOver: boolean;
}

const transactions = new AsyncLocalStorage<Transaction>();

function present(): Transaction | undefined {
  let transaction = transactions.getStore();
  while (transaction?.isOver) transaction = transaction.outer;
  return transaction;
}

/**
 * Runs a transaction of a library that has no commit hooks, such as Prisma's `$transaction` or a driver's `BEGIN` and `COMMIT`: what
 * `@Invalidate({ after: 'commit' })` and {@link afterCommit} name inside is done once `run` has resolved, and not at all if it rejects, also where the
 * rejection is a lost answer to `COMMIT`. Put it around the outermost transaction; one inside of another belongs to that one, whose end its work waits for.
 * Where the inner one has resolved and the outer one rejects, the inner one may have been a savepoint, or have committed by itself: what `@Invalidate` named in
 * it is invalidated, which costs a load at most; work of `afterCommit` is not done. So too where the inner one rejects and the outer one resolves. What goes on
 * after `run` has settled is outside.
 *
 * @returns what `run` returned, after the invalidations. @throws what `run` throws; the transaction has committed where one of them rejects, and all of
 * them were tried.
 * @example await inTransaction(() => prisma.$transaction(async (tx) => courses.rename(tx, slug, title)));
 */
export async function inTransaction<R>(run: () => Promise<R>): Promise<R> {
  const own: Transaction = { waiting: [], resolvedInside: [], outer: present(), isOver: false };
  let result: R;
  try {
    result = await transactions.run(own, run);
  } catch (error) {
    own.isOver = true;
    const outer = present();
    if (outer) handOver({ ...own, waiting: own.waiting.filter(({ inDoubt }) => inDoubt) }, outer);
    else await allDone(own.resolvedInside);
    throw error;
  }
  own.isOver = true;
  const outer = present();
  if (outer) {
    handOver(own, outer);
    outer.resolvedInside.push(...own.waiting.flatMap(({ inDoubt }) => inDoubt ?? []));
    return result;
  }
  const failed = (await allDone(own.waiting.map(({ work }) => work))).find((one) => one.status === 'rejected');
  if (failed) throw failed.reason;
  return result;
}

function handOver({ waiting, resolvedInside }: Transaction, outer: Transaction): void {
  outer.waiting.push(...waiting);
  outer.resolvedInside.push(...resolvedInside);
}

/** Work may name more work, which runs outside: the transaction is over. */
function allDone(works: readonly AfterCommitWork[]): Promise<PromiseSettledResult<void>[]> {
  return transactions.exit(() => Promise.allSettled(works.map(async (work) => work())));
}

/**
 * Does the work after the present {@link inTransaction} has committed; at once where there is none.
 *
 * @param hook hands the work to a transaction library, where no {@link inTransaction} runs. Default: none. The module's option `afterCommit` is not asked: give the same hook.
 * @returns resolves when the work is done, or handed over. @throws what the hook throws, after the work was done.
 * @example await afterCommit(async () => void (await cache.delete(courseKey({ slug }))));
 */
export async function afterCommit(work: AfterCommitWork, hook?: AfterCommitHook): Promise<void> {
  return afterCommitOf({ work }, hook);
}

/** As {@link afterCommit}. */
export async function afterCommitOf(named: NamedWork, hook?: AfterCommitHook): Promise<void> {
  const transaction = present();
  if (transaction) return void transaction.waiting.push(named);
  let isHandedOver = false;
  try {
    isHandedOver = hook?.(named.work) === true;
  } finally {
    // Also where the hook throws: what was named too early is loaded once more, what is never named is served for its life.
    if (!isHandedOver) await named.work();
  }
}
