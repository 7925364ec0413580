import type { Clock } from '../../value/clock.js';
import { ClusterAccess } from './cluster-access.js';
import { loadDriver } from './driver/load-driver.js';
import type { RedisDriver } from './driver/redis-driver.js';
import type { RedisAccess } from './redis-access.js';
import type { RedisSettings } from './redis-options.js';
import { RedisServer } from './redis-server.js';
import type { RedisServerSettings } from './redis-server.js';
import { SentinelAccess } from './sentinel-access.js';
import { ServerAccess } from './server-access.js';

/** How the servers of these settings are reached, nothing of it connected yet. */
export function accessFor(
  { target, connectTimeoutMs, commandTimeoutMs }: RedisSettings,
  driver: RedisDriver,
  clock: Clock,
  random: () => number,
  needs: Pick<RedisServerSettings, 'mixesSlots'> = {},
): RedisAccess {
  const { topology, addresses, database, credentials, tls } = target;
  const settings: RedisServerSettings = {
    driver,
    database,
    credentials,
    tls,
    connectTimeoutMs,
    commandTimeoutMs,
    clock,
    random,
  };
  if (topology === 'cluster') return new ClusterAccess(addresses, settings);
  if (topology === 'alone') return new ServerAccess(new RedisServer(addresses[0], { ...settings, ...needs }));
  const sentinels = { addresses, primaryName: target.primaryName ?? '', credentials: target.sentinelCredentials };
  return new SentinelAccess(sentinels, { ...settings, ...needs });
}

/** As `accessFor`, once the driver is loaded. Where it can't be, whoever waits for it is told; nobody need. */
export function accessLater(settings: RedisSettings, clock: Clock, random: () => number): Promise<RedisAccess> {
  const load = settings.template ? settings.template.load() : loadDriver(settings.driver);
  const access = load.then((driver) => accessFor(settings, driver, clock, random));
  access.catch(() => {});
  return access;
}
