import { InvalidOptionError } from './errors.js';
import { nearestName } from './nearest-name.js';

/** For each option `true`, or the options within it. Naming all of `T`'s is checked by the compiler, so that none is forgotten. */
export type OptionTable<T> = { readonly [Name in keyof T]-?: true | KnownOptions };

/**
 * The options that something takes. A misspelt one is an error, never silence: `{ tll: '1h' }` would otherwise be kept for five minutes.
 *
 * @example
 * const options = KnownOptions.of<GzipOptions>('gzip()', { level: true, maxBytes: true });
 * options.check({ levle: 9 }); // throws: levle: gzip() has no such option. Did you mean level?
 */
export class KnownOptions {
  private readonly within: ReadonlyMap<string, KnownOptions | true>;

  static of<T extends object>(
    owner: string,
    table: OptionTable<T>,
    remedies: Readonly<Record<string, string>> = {},
  ): KnownOptions {
    return new KnownOptions(owner, table, remedies);
  }

  /**
   * @param owner what takes them, as errors name it: `'memoryStore()'`.
   * @param remedies what to do instead, for names that something else would take.
   */
  private constructor(
    readonly owner: string,
    table: Readonly<Record<string, true | KnownOptions>>,
    private readonly remedies: Readonly<Record<string, string>>,
  ) {
    this.within = new Map(Object.entries(table));
  }

  /**
   * Looks at own enumerable properties, those that are `undefined` included, and at the options within options.
   *
   * @param owner names another place than usual in errors, such as `'@Memoize Courses.find'`.
   * @throws InvalidOptionError naming the unknown option and its nearest relative. What is given is never quoted.
   */
  check(given: unknown, owner = this.owner): void {
    this.checkWithin(given, owner, '');
  }

  private checkWithin(given: unknown, owner: string, path: string): void {
    if (typeof given !== 'object' || given === null || Array.isArray(given)) {
      const place = path === '' ? owner : `${owner}: ${path.slice(0, -1)}`;
      throw new InvalidOptionError(
        place,
        'the options are no object',
        `Give { ${[...this.within.keys()].slice(0, 3).join(', ')} … }.`,
      );
    }
    for (const name of Object.keys(given)) {
      const nested = this.within.get(name);
      if (nested === undefined) throw this.unknown(name, owner, path);
      const value: unknown = (given as Readonly<Record<string, unknown>>)[name];
      // `false` switches some of them off.
      if (nested !== true && value !== undefined && value !== null && value !== false)
        nested.checkWithin(value, owner, `${path}${name}.`);
    }
  }

  private unknown(name: string, owner: string, path: string): InvalidOptionError {
    const shown = name.slice(0, 60);
    const relative = nearestName(shown, this.spellings());
    const remedy =
      (Object.hasOwn(this.remedies, name) ? this.remedies[name] : undefined) ??
      (relative === undefined ? `It takes ${[...this.within.keys()].join(', ')}.` : `Did you mean ${path}${relative}?`);
    return new InvalidOptionError(`${path}${shown}`, `${owner} has no such option`, remedy);
  }

  /** Who writes `store` means `stores`, and not `lock.store`; who writes `ttl` or `defaultTtl` is told of `defaults.ttl`. */
  private *spellings(): Iterable<readonly [string, string, number]> {
    for (const name of this.within.keys()) yield [name, name, 0];
    for (const [name, nested] of this.within) {
      if (nested === true) continue;
      for (const inner of nested.within.keys()) {
        yield [inner, `${name}.${inner}`, nestedHandicap];
        yield [`${name}${inner}`, `${name}.${inner}`, nestedHandicap];
      }
    }
  }
}

/** More than one edit, so that an own name one letter off is nearer than the same name within. */
const nestedHandicap = 1.5;
