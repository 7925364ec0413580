import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { signToken } from '../../src/launcher/token.js';
import type { Caller } from '../../src/auth/caller.js';
import { request, startExample } from './example-process.js';
import type { ExampleProcess } from './example-process.js';

const jwtSecret = 'a secret of the tests, long enough for HS256';

export interface RunningServiceOptions {
  readonly workers?: number;
  /** Of the workers; the embedded default is a disk store in a folder of this run. */
  readonly env?: Readonly<Record<string, string>>;
  /** Called with the path of the ledger's file before the ledger starts. */
  readonly prepareLedger?: (file: string) => void;
}

/** A catalog, a ledger and worker processes of the service, each on a port of its own, on one store. */
export class RunningService {
  readonly learner = token({ lmsUserId: 7, isStaff: false, isActive: true });
  readonly staff = token({ lmsUserId: 1, isStaff: true, isActive: true });
  readonly inactiveStaff = token({ lmsUserId: 2, isStaff: true, isActive: false });
  private readonly workers: ExampleProcess[] = [];

  private constructor(
    private readonly folder: string,
    readonly catalog: ExampleProcess,
    readonly ledger: ExampleProcess,
    private readonly env: Readonly<Record<string, string>>,
  ) {}

  static async start({ workers = 1, env = {}, prepareLedger }: RunningServiceOptions = {}): Promise<RunningService> {
    const folder = mkdtempSync(join(tmpdir(), 'enterprise-access-'));
    prepareLedger?.(join(folder, 'ledger.db'));
    const [catalog, ledger] = await Promise.all([
      startExample('upstream/catalog/main.ts', { env: { CATALOG_DELAY_MS: '5' } }),
      startExample('upstream/ledger/main.ts', {
        env: { LEDGER_FILE: join(folder, 'ledger.db'), LEDGER_DELAY_MS: '1' },
      }),
    ]);
    const service = new RunningService(folder, catalog, ledger, {
      ...{ CATALOG_URL: catalog.address, LEDGER_URL: ledger.address, JWT_SECRET: jwtSecret, PORT: '0' },
      CACHE_DISK_PATH: join(folder, 'cache'),
      // Tests that are about versions set their own.
      CONTENT_VERSION_CACHE_TIMEOUT: '600',
      ...env,
    });
    try {
      await Promise.all(Array.from({ length: workers }, () => service.startWorker()));
    } catch (error) {
      await service.stop();
      throw error;
    }
    return service;
  }

  get ledgerFile(): string {
    return join(this.folder, 'ledger.db');
  }

  /** @param env what this worker is given beside the environment of all. */
  async startWorker(env: Readonly<Record<string, string>> = {}): Promise<ExampleProcess> {
    const worker = await startExample('main.ts', { env: { ...this.env, ...env } });
    this.workers.push(worker);
    return worker;
  }

  worker(index: number): ExampleProcess {
    return this.workers[index] as ExampleProcess;
  }

  /** Kills a worker and starts another in its place. */
  async replaceWorker(index: number): Promise<void> {
    await this.worker(index).kill();
    this.workers[index] = await startExample('main.ts', { env: this.env });
  }

  get(path: string, { as = this.learner, worker = 0 }: { as?: string; worker?: number } = {}) {
    return request('GET', `${this.worker(worker).address}/api/v1/${path}`, { headers: authorization(as) });
  }

  /** What every caller may ask of a worker. */
  ask(path: string, worker = 0) {
    return request('GET', `${this.worker(worker).address}/${path}`);
  }

  delete(path: string, { as = this.learner, worker = 0 }: { as?: string; worker?: number } = {}) {
    return request('DELETE', `${this.worker(worker).address}/api/v1/${path}`, { headers: authorization(as) });
  }

  redeem(policyUuid: string, body: unknown, { as = this.staff, worker = 0 }: { as?: string; worker?: number } = {}) {
    const url = `${this.worker(worker).address}/api/v1/policy-redemption/${policyUuid}/redeem/`;
    return request('POST', url, { body, headers: authorization(as) });
  }

  /** How often upstream routes were asked, by route. */
  async upstreamRequests(upstream: ExampleProcess): Promise<Record<string, number>> {
    return (await this.upstreamStats(upstream)).by_route;
  }

  /** What an upstream was asked: how often, by route, and how much of it at once. */
  async upstreamStats(upstream: ExampleProcess): Promise<{ by_route: Record<string, number>; most_at_once: number }> {
    const { body } = await request('GET', `${upstream.address}/stats`);
    return body as { by_route: Record<string, number>; most_at_once: number };
  }

  /** What was held is answered. */
  async releaseFaults(upstream: ExampleProcess): Promise<void> {
    await request('DELETE', `${upstream.address}/faults`);
  }

  /** Commits that the ledger was asked for since the last `reset`. */
  async commits(): Promise<number> {
    return (await this.upstreamRequests(this.ledger))['POST /api/v1/policies/:uuid/transactions/'] ?? 0;
  }

  async planFault(upstream: ExampleProcess, fault: object): Promise<void> {
    const { status } = await request('POST', `${upstream.address}/faults`, { body: fault });
    if (status !== 200) throw new Error(`The fault was not understood: ${JSON.stringify(fault)}`);
  }

  /** Forgets faults and counts. */
  async reset(): Promise<void> {
    for (const { address } of [this.catalog, this.ledger]) {
      await request('DELETE', `${address}/faults`);
      await request('DELETE', `${address}/stats`);
    }
  }

  /** Ends everything, and resolves to how the workers ended. */
  async stop(): Promise<(number | NodeJS.Signals | null)[]> {
    const outcomes = await Promise.all(this.workers.map((worker) => worker.stop()));
    await Promise.all([this.catalog.stop(), this.ledger.stop()]);
    rmSync(this.folder, { recursive: true, force: true });
    return outcomes;
  }
}

/** A token that the service accepts. */
export function token(caller: Caller): string {
  return signToken(jwtSecret, caller);
}

export function authorization(bearer: string): Record<string, string> {
  return bearer === '' ? {} : { authorization: `Bearer ${bearer}` };
}
