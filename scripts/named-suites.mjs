// Suites that `npm test` leaves to commands of their own: what they need, or how long they take, is more than it has room for. Continuous integration runs them.

/** What is built and packed, as its users get it: `npm run test:package`. */
export const packageSuites = ['test/house/documents.spec.ts', 'test/house/package.spec.ts'];

/** Several processes for up to a minute or so each: `npm run test:fleets`. */
export const fleetSuites = [
  'test/bench/smoke.spec.ts',
  'test/cli/interrupted-backup.spec.ts',
  'test/coherence/invalidation-storm.spec.ts',
  'test/coherence/redis-staleness.spec.ts',
  'test/coherence/staleness.spec.ts',
  'test/file/processes.spec.ts',
  'test/fills/fleet-loads.spec.ts',
  'test/fills/late-fills.spec.ts',
  'test/fills/restarted-server.spec.ts',
  'test/fills/stamp-under-load.spec.ts',
  'test/lock/other-lives.spec.ts',
  'test/lock/unanswered.spec.ts',
  'test/record/record-transactions.spec.ts',
  'test/store/disk-processes.spec.ts',
  'test/store/disk-survival.spec.ts',
  'test/store/memcached-feed-model.spec.ts',
  'test/store/memcached-list.spec.ts',
  'test/store/redis/redis-cluster-faults.spec.ts',
  'test/store/redis/redis-fleets.spec.ts',
  'test/tiers/endurance.spec.ts',
  'test/tiers/life-cycle.spec.ts',
  'test/write/many-at-once.spec.ts',
  'examples/enterprise-access/test/content-metadata.spec.ts',
  'examples/enterprise-access/test/content-versions.spec.ts',
  'examples/enterprise-access/test/faults-under-load.spec.ts',
  'examples/enterprise-access/test/ledger-kill.spec.ts',
  'examples/enterprise-access/test/policy-redemption.spec.ts',
  'examples/enterprise-access/test/redemption-fencing.spec.ts',
  'examples/enterprise-access/test/redemption-race.spec.ts',
  'examples/enterprise-access/test/start.spec.ts',
  'examples/enterprise-access/test/store-outage.spec.ts',
  'examples/enterprise-access/test/version-stamp.spec.ts',
  'examples/file-service/test/accounts.spec.ts',
];

/** `npm test` runs them too, by a tenth of the seeds. */
export const seededSuites = {
  paths: ['test/fills/fill-protocol.spec.ts', 'test/fills/pages-protocol.spec.ts'],
  env: { SEEDS: '2000' },
};
