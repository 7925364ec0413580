import { InvalidOptionError } from '../value/errors.js';
import type { CachedResponseOptions } from './cached-response-options.js';

type Name = keyof CachedResponseOptions;

/**
 * Callers of plain JavaScript can give anything. What is wrong of a route shows at its definition, and not at each request.
 *
 * @throws InvalidOptionError naming the option. What is given is never quoted.
 */
export function assertOptionValues(options: CachedResponseOptions): void {
  for (const [name, isRight, remedy] of rules) {
    const given: unknown = options[name];
    if (given !== undefined && !isRight(given))
      throw new InvalidOptionError(name, '@CachedResponse takes no such value', remedy);
  }
}

const isFunction = (given: unknown): boolean => typeof given === 'function';
const isTexts = (given: unknown): boolean =>
  Array.isArray(given) && given.every((one: unknown) => typeof one === 'string' && one !== '');
const oneOf =
  (...values: readonly unknown[]) =>
  (given: unknown): boolean =>
    values.includes(given);

const rules: readonly (readonly [Name, (given: unknown) => boolean, remedy: string])[] = [
  [
    'principal',
    (given) => given === 'anyone' || isFunction(given),
    "Give 'anyone', or a function of the request that names who asks.",
  ],
  ['keyedBy', isFunction, 'Give a function of the request that returns an array.'],
  ['fill', isFunction, 'Give a function of the request.'],
  ['query', isTexts, 'Give an array of names.'],
  ['headers', isTexts, 'Give an array of names.'],
  ['keepHeaders', isTexts, 'Give an array of names.'],
  ['cacheControl', oneOf('max-age', 'no-cache', false), "Give 'max-age', 'no-cache' or false."],
  ['cacheStatus', oneOf(true, false, 'key'), "Give true, false or 'key'."],
  ['public', oneOf(true, false), 'Give true or false.'],
  ['maxBodyBytes', (given) => typeof given === 'number' && given > 0, 'Give bytes.'],
  ['cache', (given) => typeof given === 'string', 'Give the name of a cache.'],
];
