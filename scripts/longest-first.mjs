// The order in which Jest runs the files: first those that are known to take longest. Late, one lane would run them while the others have nothing left;
// and a fresh clone has not measured them yet.
import Sequencer from '@jest/test-sequencer';

const longest = [
  'test/fills/fill-protocol.spec.ts',
  'test/bench/smoke.spec.ts',
  'test/fills/fleet-loads.spec.ts',
  'test/fills/pages-protocol.spec.ts',
  'examples/enterprise-access/test/redemption-race.spec.ts',
  'examples/enterprise-access/test/redemption-fencing.spec.ts',
  'test/coherence/staleness.spec.ts',
  'test/house/documents.spec.ts',
  'examples/enterprise-access/test/start.spec.ts',
  'test/lock/unanswered.spec.ts',
  'test/record/record-transactions.spec.ts',
  'test/house/package.spec.ts',
  'test/house/exported-names.spec.ts',
  'test/store/redis/redis-store-cluster.spec.ts',
  'examples/enterprise-access/test/content-metadata.spec.ts',
  'test/lock/other-lives.spec.ts',
  'examples/enterprise-access/test/policy-redemption.spec.ts',
  'test/lock/lost-server.spec.ts',
  'test/store/memcached-feed-model.spec.ts',
  'test/backup/redis-backup.spec.ts',
];

const rank = ({ path }) => {
  const found = longest.findIndex((file) => path.endsWith(file));
  return found === -1 ? longest.length : found;
};

export default class LongestFirst extends Sequencer {
  sort(tests) {
    return super.sort(tests).sort((a, b) => rank(a) - rank(b));
  }
}
