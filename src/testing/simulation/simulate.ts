import { InvalidOptionError } from '../../value/errors.js';
import { KnownOptions } from '../../value/known-options.js';
import { allFaults, knownFaults } from './fault-names.js';
import type { History } from './history.js';
import { picture } from './picture.js';
import { planOf } from './plan.js';
import type { Plan } from './plan.js';
import { shrink } from './shrink.js';
import type { Simulation } from './simulation.js';
import { BrokenHistoryError, SimulationError, UnrepeatableHistoryError } from './simulation-error.js';
import { tell } from './story.js';
import type { Told } from './story.js';

/** What was done in all stories together, so that a test can see that it was enough. */
export interface SimulationSummary {
  /** How many stories were told, each twice. */
  readonly stories: number;
  /** How many operations of each name came back with an answer. */
  readonly resolved: Readonly<Record<string, number>>;
  readonly faults: number;
  readonly reads: number;
  readonly acknowledged: number;
}

/**
 * Tells a story for each seed: processes that run a service over one store, and a scheduler that lets one thing happen at a time, drawn from the seed. Each
 * story is told twice and looked at by the checks. It takes no real time.
 *
 * @throws BrokenHistoryError where something does not hold: with the seed, the shortest history that could be found, and a picture of it.
 * UnrepeatableHistoryError where the service takes time or chance from elsewhere. SimulationError where an operation is never answered.
 * InvalidOptionError, InvalidDurationError naming the option.
 *
 * @example
 * await simulate({
 *   shared: () => new SimulatedTable(),
 *   start: (process, table) => new Courses(process, table),
 *   operations: {
 *     find: { reads: async ({ service }) => ({ course: await service.find() }) },
 *     rename: { writes: ({ service }) => service.rename() },
 *   },
 *   holds: [neverOlderThanAcknowledged({ within: '6.5s' })],
 * });
 */
export async function simulate<Shared, Service>(simulation: Simulation<Shared, Service>): Promise<SimulationSummary> {
  const { turns, processes, seeds, shrinkRuns } = checked(simulation);
  const names = Object.entries(simulation.operations);
  const operations = Object.fromEntries(names.map(([name, { weight = 1 }]) => [name, weight]));
  const drawn = { turns, processes, operations, faults: simulation.faults ?? allFaults };
  const tally = new Tally(Object.keys(operations));
  for (const seed of seeds) {
    const plan = planOf(seed, drawn);
    const told = await toldTwice(simulation, plan, seed === seeds[0]);
    const [violation] = told.violations;
    if (violation) throw await broken(simulation, plan, violation.check, shrinkRuns);
    tally.add(told.history);
  }
  tally.assertAnswered();
  return tally.summary(seeds.length);
}

/** @param isFirst nothing was told before: what is loaded where it is first needed, as Nest loads its platform, takes time in no later story. */
async function toldTwice<Shared, Service>(
  simulation: Simulation<Shared, Service>,
  plan: Plan,
  isFirst: boolean,
): Promise<Told> {
  const first = await tell(simulation, plan);
  const second = await tell(simulation, plan);
  const [one, other] = [first.history.text, second.history.text];
  if (one === other) return second;
  if (isFirst) return toldTwice(simulation, plan, false);
  const [lines, others] = [one.split('\n'), other.split('\n')];
  const index = lines.findIndex((line, at) => line !== others[at]);
  const at = index < 0 ? lines.length : index;
  throw new UnrepeatableHistoryError(plan.seed, lines[at], others[at]);
}

async function broken<Shared, Service>(
  simulation: Simulation<Shared, Service>,
  plan: Plan,
  check: string,
  shrinkRuns: number,
): Promise<BrokenHistoryError> {
  const isBroken = async (one: Plan): Promise<boolean> =>
    (await tell(simulation, one)).violations.some((violation) => violation.check === check);
  const { history, violations } = await tell(simulation, await shrink(plan, isBroken, shrinkRuns));
  const sentences = violations.map(({ what }) => what);
  return new BrokenHistoryError(plan.seed, [...new Set(sentences)], picture(history), history);
}

class Tally {
  private readonly resolved = new Map<string, number>();
  private readonly rejected = new Map<string, unknown>();
  private faults = 0;
  private reads = 0;
  private acknowledged = 0;

  constructor(private readonly operations: readonly string[]) {}

  add(history: History): void {
    for (const { operation, outcome, error } of history.calls) {
      if (outcome === 'resolved') this.resolved.set(operation, (this.resolved.get(operation) ?? 0) + 1);
      if (outcome === 'rejected') this.rejected.set(operation, error);
    }
    this.faults += history.faults.length;
    this.reads += history.reads.length;
    this.acknowledged += history.acknowledged.length;
  }

  /** @throws SimulationError: what always fails is not tried, and nothing is shown of it. */
  assertAnswered(): void {
    for (const operation of this.operations) {
      if (this.resolved.has(operation) || !this.rejected.has(operation)) continue;
      const cause = this.rejected.get(operation);
      throw new SimulationError(`The operation ${operation} never resolved. Its last error: ${String(cause)}`, {
        cause,
      });
    }
  }

  summary(stories: number): SimulationSummary {
    const { faults, reads, acknowledged } = this;
    return { stories, resolved: Object.fromEntries(this.resolved), faults, reads, acknowledged };
  }
}

const known = KnownOptions.of<Simulation<unknown, unknown>>('simulate()', {
  shared: true,
  start: true,
  stop: true,
  operations: true,
  holds: true,
  processes: true,
  store: true,
  cache: true,
  faults: knownFaults,
  commandTimeoutMs: true,
  seeds: true,
  turns: true,
  shrinkRuns: true,
  protections: true,
});

const knownOfOperation = KnownOptions.of<Record<'weight' | 'reads' | 'writes' | 'does', unknown>>('An operation', {
  weight: true,
  reads: true,
  writes: true,
  does: true,
});

function checked(
  simulation: object &
    Pick<Simulation<never, never>, 'processes' | 'turns' | 'seeds' | 'shrinkRuns' | 'operations' | 'holds'>,
) {
  known.check(simulation);
  for (const [name, operation] of Object.entries(simulation.operations))
    knownOfOperation.check(operation, `The operation ${name}`);
  const { processes = 2, turns = 300, seeds = 200, shrinkRuns = 300, operations, holds } = simulation;
  whole('processes', processes, 1);
  whole('turns', turns, 1);
  whole('shrinkRuns', shrinkRuns, 0);
  const list =
    typeof seeds === 'number' ? Array.from({ length: whole('seeds', seeds, 1) }, (_, index) => index + 1) : seeds;
  if (list.length === 0) throw new InvalidOptionError('seeds', 'there are none', 'Give a number of stories, or seeds.');
  if (Object.values(operations).every(({ weight = 1 }) => !(weight > 0)))
    throw new InvalidOptionError(
      'operations',
      'none has a weight of more than 0',
      'Give at least one that is to happen.',
    );
  if (holds.length === 0)
    throw new InvalidOptionError('holds', 'nothing has to hold', 'Give a check, such as neverOlderThanAcknowledged().');
  return { turns, processes, seeds: list, shrinkRuns };
}

function whole(option: string, given: number, least: number): number {
  if (Number.isSafeInteger(given) && given >= least) return given;
  throw new InvalidOptionError(option, `${given} is no whole number of ${least} or more`, `Give ${least} or more.`);
}
