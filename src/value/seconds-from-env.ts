import { InvalidOptionError } from './errors.js';

/**
 * The value of an environment variable that holds whole seconds, as a duration in milliseconds. Read when called, never at import.
 *
 * @param defaultSeconds what an absent or empty variable means.
 * @throws InvalidOptionError naming the variable for anything but digits, and for more than 100 years.
 * @example const timeout = secondsFromEnv('CONTENT_METADATA_CACHE_TIMEOUT', 300)
 */
export function secondsFromEnv(name: string, defaultSeconds: number, env: NodeJS.ProcessEnv = process.env): number {
  const text = env[name]?.trim();
  if (text === undefined || text === '') return defaultSeconds * 1_000;
  if (!/^\d{1,10}$/.test(text) || Number(text) > 3_153_600_000) {
    throw new InvalidOptionError(
      name,
      `'${text.slice(0, 40)}' is not a number of whole seconds`,
      'Give digits alone, such as 300, or unset it.',
    );
  }
  return Number(text) * 1_000;
}
