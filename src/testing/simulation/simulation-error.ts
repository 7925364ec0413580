import { TieredCacheError } from '../../value/errors.js';
import type { History } from './history.js';

/** A simulation that can't be told, or that proves nothing. Its message says what to change. */
export class SimulationError extends TieredCacheError {
  readonly code: string = 'SIMULATION';
}

/** Two tellings of one story differed: something in the service takes time or chance from elsewhere. */
export class UnrepeatableHistoryError extends SimulationError {
  override readonly code = 'UNREPEATABLE_HISTORY';

  constructor(
    readonly seed: number,
    first: string | undefined,
    second: string | undefined,
  ) {
    super(
      `Seed ${seed} told two histories. The first line that differs: ${quoted(first)}, then ${quoted(second)}. ` +
        'Give the service the clock, the random and the steps of its process; it may use no time, chance, network or file of its own, and keep nothing from one story to the next.',
    );
  }
}

const quoted = (line: string | undefined): string => (line === undefined ? 'the end' : `“${line}”`);

/** A history in which something does not hold. Its message shows the shortest one that was found. */
export class BrokenHistoryError extends SimulationError {
  override readonly code = 'BROKEN_HISTORY';

  constructor(
    /** Tell it again by `seeds: [seed]`. */
    readonly seed: number,
    /** What does not hold, in sentences. */
    readonly violations: readonly string[],
    /** The shortest history that breaks in the same way, as text. */
    readonly picture: string,
    /** That history. */
    readonly history: History,
  ) {
    super(
      `Seed ${seed}: ${violations.join('; ')}.\n\n${picture}\n\nTo tell this story again, give \`seeds: [${seed}]\`.`,
    );
  }
}
