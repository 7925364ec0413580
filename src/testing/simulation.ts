export { simulate } from './simulation/simulate.js';
export type { SimulationSummary } from './simulation/simulate.js';
export type { Operation, OperationContext, Simulation, Versions } from './simulation/simulation.js';
export { neverGoesBack, neverOlderThanAcknowledged, nothingGivenUp, oneLoadAtATime } from './simulation/checks.js';
export type { Check, NeverGoesBackOptions, NeverOlderOptions } from './simulation/checks.js';
export { History } from './simulation/history.js';
export type {
  Call,
  FaultMade,
  Line,
  LoadRefusal,
  LoadRun,
  Moment,
  VersionAcknowledged,
  VersionRead,
} from './simulation/history.js';
export { BrokenHistoryError, SimulationError, UnrepeatableHistoryError } from './simulation/simulation-error.js';
export { SimulatedProcess } from './simulation/simulated-process.js';
export type { SimulatedCacheConfiguration } from './simulation/simulated-process.js';
export { SimulatedTable, SimulatedTransaction } from './simulation/simulated-table.js';
export { allFaults } from './simulation/fault-names.js';
export type { FaultName, FaultWeights } from './simulation/fault-names.js';
export { seededRandom } from './simulation/seeded-random.js';
export type { SeededRandom } from './simulation/seeded-random.js';
export { SimulatedNetwork } from './simulation/simulated-network.js';
export type { ChooseStep } from './simulation/simulated-network.js';
export type { Direction, SimulatedNetworkOptions, Step } from './simulation/step.js';
export { SimulatedHost } from './simulation/simulated-host.js';
export { HostClock } from './simulation/host-clock.js';
export { VirtualClock } from './simulation/virtual-clock.js';
export { RestartableStore } from './simulation/restartable-store.js';
