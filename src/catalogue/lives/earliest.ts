import { InvalidOptionError } from '../../value/errors.js';
import { milliseconds } from '../../value/duration.js';
import type { Life } from '../life.js';

/** Ends when the first of these ends; slides as the one that is idle soonest. At least one. */
export function earliest<V = unknown>(...lives: readonly Life<V>[]): Life<V> {
  if (lives.length === 0) throw new InvalidOptionError('earliest', 'it has no lives', 'Give at least one.');
  const idles = lives.flatMap(({ idle }) => (idle === undefined ? [] : [milliseconds(idle, 'idle')]));
  return {
    description:
      lives.length === 1 ? only(lives) : `the earliest of: ${lives.map((life) => life.description).join('; ')}`,
    // NaN of any of them stays NaN, and is refused by whoever asked.
    freshUntil: (context) => Math.min(...lives.map((life) => life.freshUntil(context))),
    endless: lives.some((life) => life.endless === true),
    parameters: [...new Set(lives.flatMap((life) => life.parameters ?? []))],
    ...(idles.length > 0 ? { idle: Math.min(...idles) } : undefined),
  };
}

function only(lives: readonly Life<never>[]): string {
  return (lives[0] as Life<never>).description;
}
