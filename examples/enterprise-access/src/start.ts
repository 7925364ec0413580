import { launch } from './launcher/launch.js';
import { signToken } from './launcher/token.js';
import { everything, policies } from './seed/customers.js';
import { readCourses } from './upstream/catalog/course-data.js';
import { wholeNumberFromEnv } from './upstream/http/whole-number-from-env.js';

// node dist/start.js: the upstream services and the service itself, until Ctrl-C. WORKERS=4 shares one port among four processes.
const stopSignal = new Promise<void>((resolve) => {
  process.once('SIGINT', resolve);
  process.once('SIGTERM', resolve);
});

try {
  const workers = Math.max(1, wholeNumberFromEnv('WORKERS', 1));
  const launched = await launch({ workers });
  const { address, jwtSecret } = launched;
  const learner = signToken(jwtSecret, { lmsUserId: 7, isStaff: false, isActive: true });
  const staff = signToken(jwtSecret, { lmsUserId: 1, isStaff: true, isActive: true });
  const [first, second, third] = readCourses().map(({ key }) => key);
  const bearer = (token: string): string => `-H 'Authorization: Bearer ${token}'`;
  console.log(`
enterprise-access on ${address} (${workers} ${workers === 1 ? 'worker' : 'workers'}), catalog on ${launched.catalog.address}, ledger on ${launched.ledger.address}

Ask for a course twice, and see below which tier answered:

curl -sS ${bearer(learner)} '${address}/api/v1/content-metadata/${first}/?enterprise_customer_uuid=${everything.customerUuid}'

Several courses at once, as staff, which may add &force_cache_miss=true:

curl -sS ${bearer(staff)} '${address}/api/v1/enterprise-catalogs/${everything.uuid}/content-metadata/?content_keys=${first},${second},edX+Unknown'

Redeem a course; the same command again answers with the same transaction:

curl -sS ${bearer(learner)} -H 'Content-Type: application/json' -d '{"lms_user_id": 7, "content_key": "${third}"}' '${address}/api/v1/policy-redemption/${policies.spendLimit.uuid}/redeem/'

Each request line: status, duration, [who answered: request, process, the store's tier, or a load]. Ctrl-C ends everything.
`);
  await stopSignal;
  await launched.stop();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
