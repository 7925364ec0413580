import { InvalidKeyError } from '../value/errors.js';
import { KnownOptions } from '../value/known-options.js';
import type { KeyPart } from '../key/key-part.js';
import type { ParameterSpec, ParameterType } from './key-parameters.js';

/** What the digits of a number or bigint are made of. */
export const numeric = '0123456789.e+-';

const knownSpecification = KnownOptions.of<Exclude<ParameterSpec, string>>('A parameter', {
  ...{ type: true, values: true, matches: true, none: true },
});

/** One parameter of a pattern, as it was specified. */
export class KeyParameter {
  readonly type: ParameterType;
  readonly values: readonly string[] | undefined;
  readonly matches: RegExp | undefined;
  readonly none: string | undefined;
  /** Takes any well-formed text, and nothing else. */
  readonly isPlain: boolean;

  /** @throws InvalidKeyError for a specification that contradicts itself; InvalidOptionError for an option of it that is none. */
  constructor(
    readonly pattern: string,
    readonly name: string,
    spec: ParameterSpec = 'string',
    /** All characters that its text is made of; `undefined`: any. It tells patterns apart. */
    readonly alphabet?: string,
  ) {
    if (typeof spec !== 'string') knownSpecification.check(spec, `the parameter ${name} of '${pattern}'`);
    const { type = 'string', values, matches, none } = typeof spec === 'string' ? { type: spec } : spec;
    if (!['string', 'number', 'boolean', 'bigint'].includes(type)) {
      const remedy = "Give 'string', 'number', 'boolean' or 'bigint'.";
      throw this.#ill(`is of the unknown type '${String(type).slice(0, 40)}'`, remedy);
    }
    if (values && (type !== 'string' || values.length === 0)) throw this.#ill('lists values, but none or not of texts');
    if (matches && type !== 'string') throw this.#ill('has to match an expression, but is no text');
    if (none === '') throw this.#ill('has an empty text for "none"');
    if (none !== undefined && values?.includes(none)) throw this.#ill('lists its text for "none" as a value');
    this.type = type;
    this.values = values;
    this.matches = matches && new RegExp(matches.source, matches.flags.replace(/[gy]/g, ''));
    this.none = none;
    this.isPlain = type === 'string' && !values && !matches && none === undefined;
  }

  /**
   * The part of a key that this value is.
   * @throws InvalidKeyError naming the pattern and the parameter.
   */
  part(value: unknown): KeyPart {
    if (this.isPlain && typeof value === 'string' && value.isWellFormed()) return value;
    return this.#checked(value);
  }

  /** The value as text, for a segment that it shares with other text. */
  text(value: unknown): string {
    return this.textOf(this.#checked(value));
  }

  /**
   * The text of a part that this made, where it stands without its type. As parts, the number 0 and the text 0 for "none" are two.
   * @throws InvalidKeyError for a value that has the text for "none".
   */
  textOf(part: KeyPart): string {
    const text = String(part);
    if (typeof part !== 'string' && text === this.none) throw this.#ill('has the text that stands for "none"');
    return text;
  }

  /** Whether one of its texts may hold this character. */
  mayHold(character: string): boolean {
    if (this.none?.includes(character)) return true;
    if (this.values) return this.values.some((value) => value.includes(character));
    if (this.type === 'boolean') return 'truefalse'.includes(character);
    const alphabet = this.type === 'string' ? this.alphabet : numeric;
    return alphabet === undefined || alphabet.includes(character);
  }

  #checked(value: unknown): KeyPart {
    if (value === undefined || value === null) {
      if (this.none !== undefined) return this.none;
      throw this.#ill('is missing');
    }
    if (typeof value !== this.type) throw this.#ill(`is a ${typeof value}, not a ${this.type}`);
    if (typeof value === 'number' && !Number.isFinite(value)) throw this.#ill('is not finite');
    if (typeof value === 'string') this.#checkText(value);
    return value as KeyPart;
  }

  #checkText(value: string): void {
    if (!value.isWellFormed()) throw this.#ill('holds half of a surrogate pair');
    if (value === this.none) throw this.#ill('has the text that stands for "none"');
    if (this.values && !this.values.includes(value)) throw this.#ill('is none of the listed values');
    if (this.matches && !this.matches.test(value)) throw this.#ill('does not match its expression');
  }

  #ill(problem: string, remedy = 'See its definition for what it takes.'): InvalidKeyError {
    return new InvalidKeyError(`The parameter ${this.name} of the key pattern '${this.pattern}' ${problem}. ${remedy}`);
  }
}
