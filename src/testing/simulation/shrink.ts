import type { Plan, Turn } from './plan.js';

/** Whether a plan still breaks in the way that is looked for. */
export type IsBroken = (plan: Plan) => Promise<boolean>;

/**
 * The shortest plan that could be found which is still broken: turns are taken away, many at once and then one by one, and what is left is made plainer.
 * (Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", 2002.)
 *
 * @param mostRuns how many plans are tried at most.
 */
export async function shrink(plan: Plan, isBroken: IsBroken, mostRuns: number): Promise<Plan> {
  let [shortest, runs] = [plan, 0];
  const isOver = (): boolean => runs >= mostRuns;
  const attempt = async (candidate: Plan): Promise<boolean> => {
    if (isOver()) return false;
    runs++;
    if (!(await isBroken(candidate))) return false;
    shortest = candidate;
    return true;
  };
  await attempt({ ...shortest, skewsMs: shortest.skewsMs.map(() => 0) });
  await attempt({ ...shortest, invalidations: 'whole' });
  for (let before: Plan | undefined; before !== shortest && !isOver();) {
    before = shortest;
    for (let size = Math.ceil(shortest.turns.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
      for (let from = 0; from < shortest.turns.length && !isOver();) {
        const turns = [...shortest.turns.slice(0, from), ...shortest.turns.slice(from + size)];
        if (!(await attempt({ ...shortest, turns }))) from += size;
      }
    }
    for (const [index, turn] of shortest.turns.entries()) {
      for (const plainer of plainerThan(turn)) {
        if (await attempt({ ...shortest, turns: shortest.turns.with(index, plainer) })) break;
      }
    }
  }
  return shortest;
}

const plainWaitsMs = [0, 1, 30, 400, 1_000];

/** Turns that say the same with less, the plainest first. */
function plainerThan(turn: Turn): readonly Turn[] {
  if (turn.act === 'wait') return plainWaitsMs.filter((ms) => ms < turn.ms).map((ms) => ({ ...turn, ms }));
  return turn.act === 'deliver' || turn.act === 'run' ? [{ act: 'deliver all' }] : [];
}
