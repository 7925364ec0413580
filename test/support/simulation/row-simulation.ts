import { neverGoesBack, neverOlderThanAcknowledged, nothingGivenUp } from '../../../src/testing/simulation.js';
import type { Simulation } from '../../../src/testing/simulation.js';
import { RowService, Rows, rowNames } from './row-service.js';
import type { RowName } from './row-service.js';

/** Fewer rows meet more often. */
const casts: readonly (readonly RowName[])[] = [rowNames, ['a', 'b'], ['a'], ['tag1', 'tag2']];

/** Three processes over one store that read and write rows in every way that a cache has, while everything goes wrong that can. */
export const rowSimulation: Simulation<{ rows: Rows; cast: readonly RowName[] }, RowService> = {
  processes: 3,
  shared: (random) => ({ rows: new Rows(), cast: random.pick(casts) }),
  start: (process, { rows }) => new RowService(process, rows),
  cache: { coherence: { interval: 1_000, blindFor: 0 } },
  operations: {
    read: { weight: 8, reads: ({ service, draw, shared }) => service.read(draw.pick(shared.cast), draw) },
    lookUp: { weight: 2, reads: ({ service, draw, shared }) => service.lookUp(draw.pick(shared.cast)) },
    readMany: { weight: 2, reads: ({ service, draw }) => service.readMany(draw) },
    readForced: { weight: 1, reads: ({ service, draw, shared }) => service.readForced(draw.pick(shared.cast), draw) },
    request: {
      weight: 1.5,
      does: ({ service, draw, shared, history }) => service.request(draw.pick(shared.cast), draw, history),
    },
    invalidate: { weight: 3, writes: ({ service, draw, shared }) => service.invalidate(draw.pick(shared.cast)) },
    set: { weight: 1.5, writes: ({ service, draw, shared }) => service.set(draw.pick(shared.cast), draw) },
    update: { weight: 1, writes: ({ service, draw, shared }) => service.update(draw.pick(shared.cast), draw) },
  },
  holds: [neverOlderThanAcknowledged({ within: 1_500 }), neverGoesBack(), nothingGivenUp()],
};
