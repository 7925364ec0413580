import { editDistance } from '../../value/nearest-name.js';

/** A variable that nobody reads, and the one that was probably meant. */
export interface MisspeltVariable {
  readonly written: string;
  readonly meant: string;
}

/** Names with a word left out: further away than a slip of the hand, and nobody else's. */
const shortened: Readonly<Record<string, string>> = {
  CACHE_KEY_STAMP: 'CACHE_KEY_VERSION_STAMP',
  CACHE_VERSION_STAMP: 'CACHE_KEY_VERSION_STAMP',
};

/**
 * The variables that are set, and whose names are nearly those of unset ones: at most one edit away for each ten characters, case being free,
 * or a word left out of the name. Others may own a name that is further away, or one like that of a variable which is set.
 *
 * @param known what is read.
 */
export function misspeltVariables(
  known: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): readonly MisspeltVariable[] {
  const isSet = (name: string): boolean => (env[name] ?? '').trim() !== '';
  const unset = known.filter((name) => !isSet(name));
  return Object.keys(env).flatMap((written) => {
    if (known.includes(written) || !isSet(written)) return [];
    const meant = unset.find((name) => shortened[written] === name || isNear(written, name));
    return meant === undefined ? [] : [{ written, meant }];
  });
}

/** An environment may have hundreds of variables: lengths tell most apart. */
function isNear(written: string, name: string): boolean {
  const most = Math.floor(name.length / 10);
  if (Math.abs(written.length - name.length) > most) return false;
  return editDistance(written.toUpperCase(), name) <= most;
}
