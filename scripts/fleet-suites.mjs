/** Several processes for up to a minute or so each: `npm run test:fleets` runs them, and continuous integration does. */
export const fleetSuites = [
  'test/bench/smoke.spec.ts',
  'test/cli/interrupted-backup.spec.ts',
  'test/coherence/redis-staleness.spec.ts',
  'test/coherence/staleness.spec.ts',
  'test/fills/fleet-loads.spec.ts',
  'test/fills/late-fills.spec.ts',
  'test/lock/unanswered.spec.ts',
  'test/record/record-transactions.spec.ts',
  'test/store/disk-processes.spec.ts',
  'test/store/disk-survival.spec.ts',
  'test/store/memcached-list.spec.ts',
  'test/store/redis/redis-cluster-faults.spec.ts',
  'test/store/redis/redis-fleets.spec.ts',
  'test/tiers/endurance.spec.ts',
  'examples/enterprise-access/test/content-versions.spec.ts',
  'examples/enterprise-access/test/faults-under-load.spec.ts',
  'examples/enterprise-access/test/redemption-fencing.spec.ts',
  'examples/enterprise-access/test/redemption-race.spec.ts',
  'examples/enterprise-access/test/start.spec.ts',
  'examples/enterprise-access/test/store-outage.spec.ts',
  'examples/file-service/test/accounts.spec.ts',
];

/** `npm test` runs them too, by a tenth of the seeds. */
export const seededSuites = {
  paths: ['test/fills/fill-protocol.spec.ts', 'test/fills/pages-protocol.spec.ts'],
  env: { SEEDS: '2000' },
};
