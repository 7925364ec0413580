/** Several processes for up to a minute or so each: `npm run test:fleets` runs them, and continuous integration does. */
export const fleetSuites = [
  'test/bench/smoke.spec.ts',
  'test/cli/interrupted-backup.spec.ts',
  'test/coherence/redis-staleness.spec.ts',
  'test/coherence/staleness.spec.ts',
  'test/fills/fleet-loads.spec.ts',
  'test/fills/late-fills.spec.ts',
  'test/store/disk-processes.spec.ts',
  'examples/enterprise-access/test/redemption-fencing.spec.ts',
  'examples/enterprise-access/test/redemption-race.spec.ts',
];

/** `npm test` runs it too, by a tenth of the seeds. */
export const seededSuites = { paths: ['test/fills/fill-protocol.spec.ts'], env: { SEEDS: '2000' } };
