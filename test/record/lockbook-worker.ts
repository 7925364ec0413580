import { RecordKeys } from '../../src/record/record-keys.js';
import { UnknownOutcomeError } from '../../src/record/record-errors.js';
import { ConnectionPool } from '../../src/record/transaction-connections.js';
import type { TransactionConnections } from '../../src/record/transaction-connections.js';
import { Transactions } from '../../src/record/transactions.js';
import { systemClock } from '../../src/value/clock.js';
import { ConflictError, StoreUnavailableError } from '../../src/value/errors.js';
import { seededRandom } from '../support/seeded-random.js';
import { serveWorker } from '../support/serve-worker.js';
import { openAccess } from '../store/redis/open-access.js';
import type { TestedDriver } from '../store/redis/drivers.js';
import { createFile, lockbookKeys, moveFile, PhantomError, removeFile } from './lockbook.js';
import { patience } from '../support/patience.js';

export interface LockbookWorkerData {
  readonly url: string;
  readonly driver: TestedDriver;
  readonly seed: number;
  readonly owners: readonly string[];
  /** `shared`, `unconfirmed`: negative controls. */
  readonly mode: 'protected' | 'shared' | 'unconfirmed';
}

/** What came of the transactions of one process. */
export interface LockbookReport {
  readonly created: string[];
  readonly removed: string[];
  readonly moved: number;
  readonly aborted: number;
  readonly conflicts: number;
  readonly unavailable: number;
  readonly unknown: number;
  readonly injected: number;
  /** Bodies whose caller was told of a state that never was. */
  readonly phantoms: number;
  readonly otherErrors: string[];
}

class InjectedError extends Error {}

serveWorker(async ({ url, driver, seed, owners, mode }: LockbookWorkerData) => {
  const access = await openAccess(driver, { url, ...patience });
  const pool = new ConnectionPool('pool', 4, () => access.ownConnection(0), systemClock);
  const shared: TransactionConnections = { take: () => access.connected(0), give: () => {}, close: () => {} };
  const transactions = new Transactions({
    connections: mode === 'shared' ? shared : pool,
    keys: new RecordKeys(lockbookKeys),
    clock: systemClock,
    random: Math.random,
    confirms: mode !== 'unconfirmed',
  });
  const random = seededRandom(seed);
  const any = (): string => owners[random.integer(0, owners.length - 1)] as string;

  return {
    /** Eight callers at a time, each with so many transactions one after the other. */
    run: async (each: number): Promise<LockbookReport> => {
      const report = {
        created: [] as string[],
        removed: [] as string[],
        moved: 0,
        aborted: 0,
        conflicts: 0,
        unavailable: 0,
        unknown: 0,
        injected: 0,
        phantoms: 0,
        otherErrors: [] as string[],
      };
      const one = async (): Promise<void> => {
        const kind = random.integer(0, 9);
        const injects = random.integer(0, 19) === 0;
        const outcome = await transactions.run(
          async (tx) => {
            const result = await (kind < 6
              ? createFile(tx, any(), 1)
              : kind < 8
                ? removeFile(tx, any())
                : moveFile(tx, any(), any()));
            if (injects) throw new InjectedError('on purpose');
            return result;
          },
          { attempts: 200, deadline: '30s' },
        );
        if (outcome.status === 'aborted') report.aborted++;
        else if (kind < 6) report.created.push(outcome.value);
        else if (kind < 8) report.removed.push(outcome.value);
        else report.moved++;
      };
      const caller = async (): Promise<void> => {
        for (let done = 0; done < each; done++) {
          try {
            await one();
          } catch (error) {
            if (error instanceof ConflictError) report.conflicts++;
            else if (error instanceof UnknownOutcomeError) report.unknown++;
            else if (error instanceof StoreUnavailableError) report.unavailable++;
            else if (error instanceof InjectedError) report.injected++;
            else if (error instanceof PhantomError) report.phantoms++;
            else report.otherErrors.push(String(error));
          }
        }
      };
      await Promise.all(Array.from({ length: 8 }, caller));
      return report;
    },
    stop: (): void => {
      pool.close();
      access.close();
    },
  };
});
