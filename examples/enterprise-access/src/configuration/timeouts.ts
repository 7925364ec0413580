import { secondsFromEnv } from 'nestjs-tiered-cache';
import type { Life } from 'nestjs-tiered-cache';

type Environment = NodeJS.ProcessEnv;

/** The variable in force: the newer name, or the older one when that is absent. */
export function contentTimeoutName(env: Environment): string {
  return env['CONTENT_METADATA_CACHE_TIMEOUT']?.trim()
    ? 'CONTENT_METADATA_CACHE_TIMEOUT'
    : 'CONTENT_METADATA_VIEW_CACHE_TIMEOUT_SECONDS';
}

/** How long content metadata is kept; default 300 seconds. @throws InvalidOptionError naming the variable. */
export const contentTimeoutMs = (env: Environment = process.env): number =>
  secondsFromEnv(contentTimeoutName(env), 300, env);

/**
 * `CONTENT_VERSION_CACHE_TIMEOUT`: how long a modification time is believed; default 5 seconds, 0: it is asked for in every request.
 * @throws InvalidOptionError naming the variable.
 */
export const versionTimeoutMs = (env: Environment = process.env): number =>
  secondsFromEnv('CONTENT_VERSION_CACHE_TIMEOUT', 5, env);

/** A life that the environment configures. `Configuration` has checked the variable when the service started. */
export function configuredLife(variable: string, timeoutMs: () => number): Life {
  return { description: `${variable} since set`, freshUntil: ({ createdAt }) => createdAt + timeoutMs() };
}
