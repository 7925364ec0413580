import { InvalidOptionError } from '../../value/errors.js';

/**
 * A bad value came from the environment or a command line, so the error calls it by its name there instead of the option; by the first where the option has none.
 * @param names by the options.
 */
export function naming<T>(names: Readonly<Record<string, string>>, build: () => T): T {
  try {
    return build();
  } catch (error) {
    if (!(error instanceof InvalidOptionError)) throw error;
    throw new InvalidOptionError(
      names[error.option] ?? Object.values(names)[0] ?? error.option,
      `${error.problem}. ${error.remedy}`.replace(/\.$/, ''),
      'Correct or unset it.',
      { cause: error },
    );
  }
}
