import { parseArgs } from 'node:util';
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
  let read: Arguments;
  try {
    read = parseArgs({ args: [...args], allowPositionals: true, options });
  } catch (error) {
    throw new UsageError(String((error as Error).message).split('. ')[0] ?? '');
  }
  const count = read.positionals.length;
  if (count < takes.min || count > takes.max) throw new UsageError(`give ${takes.what}`);
  return read;
}

/** A text option's value. */
export const textOf = ({ values }: Arguments, name: string): string | undefined => {
  const value = values[name];
  return typeof value === 'string' ? value : undefined;
};
