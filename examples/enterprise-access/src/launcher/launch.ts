import { randomBytes } from 'node:crypto';
import { startChildService } from './child-service.js';
import type { ChildService } from './child-service.js';
import { WorkerPool } from './worker-pool.js';

export interface LaunchOptions {
  readonly workers: number;
  readonly quiet?: boolean;
  /** Added to this process's own. */
  readonly env?: NodeJS.ProcessEnv;
}

/** Everything that runs, and how to end it. */
export interface Launched {
  readonly address: string;
  readonly catalog: ChildService;
  readonly ledger: ChildService;
  readonly jwtSecret: string;
  readonly workerPids: readonly number[];
  stop(): Promise<void>;
}

/** Starts the catalog, the ledger, and the service on top of them. @throws when one of them does not start; the others are ended. */
export async function launch({ workers, quiet = false, env: extra }: LaunchOptions): Promise<Launched> {
  const env = { ...process.env, ...extra };
  const jwtSecret = env['JWT_SECRET'] || randomBytes(32).toString('hex');
  const upstreams: ChildService[] = [];
  try {
    const catalog = await startChildService('upstream/catalog/main.js', env);
    upstreams.push(catalog);
    const ledger = await startChildService('upstream/ledger/main.js', env);
    upstreams.push(ledger);
    const serviceEnv = { ...env, JWT_SECRET: jwtSecret, CATALOG_URL: catalog.address, LEDGER_URL: ledger.address };
    const pool = new WorkerPool(serviceEnv, { quiet });
    try {
      const address = await pool.start(workers);
      return {
        ...{ address, catalog, ledger, jwtSecret, workerPids: pool.pids },
        stop: async () => {
          await pool.stop();
          await Promise.all(upstreams.map((upstream) => upstream.stop()));
        },
      };
    } catch (error) {
      await pool.stop();
      throw error;
    }
  } catch (error) {
    await Promise.all(upstreams.map((upstream) => upstream.stop()));
    throw error;
  }
}
