// The order in which Jest runs the files: first those that are known to take longest. Late, one lane would run them while the others have nothing left;
// and a fresh clone has not measured them yet.
import Sequencer from '@jest/test-sequencer';

const longest = [
  'test/fills/fleet-loads.spec.ts',
  'test/house/documents.spec.ts',
  'test/fills/fill-protocol.spec.ts',
  'examples/enterprise-access/test/start.spec.ts',
  'test/store/redis/redis-store-cluster.spec.ts',
  'examples/enterprise-access/test/policy-redemption.spec.ts',
  'examples/enterprise-access/test/content-metadata.spec.ts',
  'examples/enterprise-access/test/content-versions.spec.ts',
  'test/store/redis/redis-fleets.spec.ts',
  'test/store/memcached-faults.spec.ts',
  'test/store/memcached-store.spec.ts',
  'test/lock/unanswered.spec.ts',
  'test/fills/pages-protocol.spec.ts',
  'test/house/package.spec.ts',
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
