import { InvalidOptionError, secondsFromEnv } from 'nestjs-tiered-cache';
import { contentTimeoutName, contentTimeoutMs, versionTimeoutMs } from './timeouts.js';

export type HttpAdapterName = 'express' | 'fastify';

/** What the service is told by its environment. The cache reads its own variables. */
export class Configuration {
  /** `CATALOG_URL`: where the catalog service is. */
  readonly catalogUrl: string;
  /** `LEDGER_URL`: where the subsidy ledger is. */
  readonly ledgerUrl: string;
  /** `JWT_SECRET`: signs and checks bearer tokens; 32 characters or more. */
  readonly jwtSecret: string;
  /** `PORT`: default 3000; 0 is a free one. */
  readonly port: number;
  /** `HTTP_ADAPTER`: `express` (default) or `fastify`. */
  readonly httpAdapter: HttpAdapterName;
  /** `REDEMPTION_LOCK_TIMEOUT`, in seconds, default 60: how long a lock outlives a worker that died in a redemption. */
  readonly redemptionLockTtlMs: number;
  /** `REDEMPTION_LOCK_WAIT`, in seconds, default 2: how long a redemption waits for another one before it answers 429. */
  readonly redemptionLockWaitMs: number;
  /** `UPSTREAM_TIMEOUT`, in seconds, default 5: for how long an upstream is waited for. */
  readonly upstreamTimeoutMs: number;
  /** What is allowed and probably not meant. */
  readonly warnings: readonly string[];

  /** @throws InvalidOptionError naming the variable and what would be valid. */
  constructor(env: NodeJS.ProcessEnv = process.env) {
    this.catalogUrl = url(env, 'CATALOG_URL');
    this.ledgerUrl = url(env, 'LEDGER_URL');
    this.jwtSecret = secret(env, 'JWT_SECRET');
    this.port = port(env, 'PORT', 3000);
    this.httpAdapter = oneOf(env, 'HTTP_ADAPTER', ['express', 'fastify']);
    versionTimeoutMs(env);
    this.redemptionLockTtlMs = atLeastOneSecond('REDEMPTION_LOCK_TIMEOUT', 60, env);
    this.redemptionLockWaitMs = secondsFromEnv('REDEMPTION_LOCK_WAIT', 2, env);
    this.upstreamTimeoutMs = atLeastOneSecond('UPSTREAM_TIMEOUT', 5, env);
    this.warnings = warningsOf(contentTimeoutName(env), contentTimeoutMs(env));
  }
}

function warningsOf(name: string, contentMetadataTtlMs: number): string[] {
  const hours = contentMetadataTtlMs / 3_600_000;
  if (hours <= 6) return [];
  const shown = Number(hours.toFixed(2));
  return [`${name} keeps content metadata for ${shown} hours. More than 6 risks stale catalogs and prices.`];
}

function atLeastOneSecond(name: string, defaultSeconds: number, env: NodeJS.ProcessEnv): number {
  const durationMs = secondsFromEnv(name, defaultSeconds, env);
  if (durationMs === 0) throw new InvalidOptionError(name, 'it is 0', 'Give 1 or more seconds, or unset it.');
  return durationMs;
}

function text(env: NodeJS.ProcessEnv, name: string): string | undefined {
  return env[name]?.trim() || undefined;
}

function url(env: NodeJS.ProcessEnv, name: string): string {
  const given = text(env, name);
  const remedy = 'Give an http address, such as http://127.0.0.1:8001.';
  if (given === undefined) throw new InvalidOptionError(name, 'it is not set', remedy);
  if (!URL.canParse(given) || !/^https?:$/.test(new URL(given).protocol)) {
    throw new InvalidOptionError(name, `'${given.slice(0, 100)}' is no http address`, remedy);
  }
  return given.replace(/\/+$/, '');
}

function secret(env: NodeJS.ProcessEnv, name: string): string {
  const given = text(env, name) ?? '';
  if (given.length >= 32) return given;
  const problem = given === '' ? 'it is not set' : `it has ${given.length} characters`;
  throw new InvalidOptionError(name, problem, 'Give at least 32, the same to all workers.');
}

function port(env: NodeJS.ProcessEnv, name: string, otherwise: number): number {
  const given = text(env, name);
  if (given === undefined) return otherwise;
  if (/^\d{1,5}$/.test(given) && Number(given) <= 65_535) return Number(given);
  throw new InvalidOptionError(name, `'${given.slice(0, 20)}' is no port`, 'Give 0 to 65535; 0 takes a free one.');
}

function oneOf<T extends string>(env: NodeJS.ProcessEnv, name: string, [first, ...others]: readonly [T, ...T[]]): T {
  const given = text(env, name)?.toLowerCase();
  if (given === undefined) return first;
  const found = [first, ...others].find((value) => value === given);
  if (found) return found;
  throw new InvalidOptionError(name, `'${given.slice(0, 40)}' is unknown`, `Give ${[first, ...others].join(' or ')}.`);
}
