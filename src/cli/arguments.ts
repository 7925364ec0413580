import { parseArgs } from 'node:util';
import { nearestName } from '../value/nearest-name.js';
import { UsageError } from './usage-error.js';

/** The options of a command by name, and whether each takes a text. */
export type OptionTypes = Readonly<Record<string, { readonly type: 'string' | 'boolean' }>>;

export interface Arguments {
  readonly values: Readonly<Record<string, string | boolean | undefined>>;
  readonly positionals: readonly string[];
}

/** Whom an argument is for: `stats stats` and `get --yes` are mistakes, not to be passed over. @throws UsageError */
export function readArguments(
  args: readonly string[],
  options: OptionTypes,
  takes: { min: number; max: number; what: string },
): Arguments {
  const read: Arguments = parsed(args, options);
  const count = read.positionals.length;
  if (count < takes.min || count > takes.max) throw new UsageError(`give ${takes.what}`);
  return read;
}

/** Named here: declarations can't name what `node:util` keeps to itself. */
type Parsed<O extends OptionTypes> = ReturnType<
  typeof parseArgs<{ args: string[]; allowPositionals: true; options: O }>
>;

/** What was given, each option under its name. @throws UsageError */
export function parsed<O extends OptionTypes>(args: readonly string[], options: O): Parsed<O> {
  try {
    return parseArgs({ args: [...args], allowPositionals: true, options });
  } catch (error) {
    throw new UsageError(problemOf(error as NodeJS.ErrnoException, Object.keys(options)));
  }
}

/** The options by which commands name a Redis, each as a slip of the others. */
const ofRedis = ['redis', 'url'];

function problemOf({ code, message }: NodeJS.ErrnoException, names: readonly string[]): string {
  const [problem = ''] = message.split(/\. |\.?\n/);
  const written = code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION' ? /'--?(.+)'/.exec(problem)?.[1]?.slice(0, 40) : undefined;
  if (written === undefined) return problem;
  const meant = ofRedis.includes(written) ? names.find((name) => ofRedis.includes(name)) : nearestOf(written, names);
  const remedy =
    meant === undefined ? `It takes ${names.map((name) => `--${name}`).join(', ')}` : `Did you mean --${meant}?`;
  return `there is no option '--${written}' here. ${remedy}`;
}

/** The name that was probably meant, if one is near. */
export const nearestOf = (written: string, names: readonly string[]): string | undefined =>
  nearestName(
    written,
    names.map((name) => [name, name, 0] as const),
  );

/** A text option's value. */
export const textOf = ({ values }: Arguments, name: string): string | undefined => {
  const value = values[name];
  return typeof value === 'string' ? value : undefined;
};
