import { InvalidOptionError } from '../../value/errors.js';
import { parseRedisAddress } from './redis-address.js';
import type { RedisAddress } from './redis-address.js';
import { TlsSettings } from '../tls-settings.js';
import { RedisCredentials } from './redis-credentials.js';
import type { RedisTarget } from './redis-target.js';

const form =
  /^(?<scheme>[a-z][a-z+]*):\/\/(?:(?<login>[^/]*)@)?(?<hosts>[^/?#]*)(?:\/(?<path>[^?#]*))?(?<rest>[?#].*)?$/is;
const schemes = ['redis', 'rediss', 'redis+sentinel', 'rediss+sentinel', 'redis+cluster', 'rediss+cluster'];
const defaultPort = { redis: 6_379, sentinel: 26_379 };
const remedy =
  "Give 'redis://user:password@host:6379/0', 'rediss://…' for TLS, 'redis://host:7000,host:7001' or 'redis+cluster://host' for a " +
  "Cluster, or 'redis+sentinel://host:26379,host:26379/name/0'.";

/**
 * `redis://`, `rediss://`, a list of hosts or `redis+cluster://host` for a Cluster, `redis+sentinel://host,host/name/database`.
 *
 * @param option what the text is called where it was given: an option, or a variable of the environment.
 * @throws InvalidOptionError that says what is wrong, what is valid, and nothing of what was given: it may hold a password.
 */
export function parseRedisUrl(url: string, option: string): RedisTarget {
  const invalid = (problem: string): InvalidOptionError => new InvalidOptionError(option, problem, remedy);
  const groups = form.exec(url.trim())?.groups;
  const scheme = groups?.['scheme']?.toLowerCase();
  if (!groups || scheme === undefined) throw invalid('it is no URL of Redis');
  if (!schemes.includes(scheme)) throw invalid(`its scheme is none of ${schemes.join(', ')}`);
  if (groups['rest'] !== undefined) throw invalid('it has a query or a fragment, and none is known');

  const isSentinel = scheme.endsWith('+sentinel');
  const texts = (groups['hosts'] ?? '').split(',').map((text) => text.trim());
  const addresses = texts.map((text, index): RedisAddress => {
    const address = parseRedisAddress(text, isSentinel ? defaultPort.sentinel : defaultPort.redis);
    if (!address) throw invalid(text === '' ? 'a host is missing' : `its host number ${index + 1} is not host:port`);
    return address;
  });
  const [first, ...others] = addresses;
  if (!first) throw invalid('a host is missing');
  const repeated = addresses.find(({ text }, index) =>
    addresses.some((other, at) => at < index && other.text === text),
  );
  if (repeated) throw invalid(`${repeated.text} is named twice`);

  const isCluster = scheme.endsWith('+cluster') || others.length > 0;
  const topology = isSentinel ? 'sentinel' : isCluster ? 'cluster' : 'alone';
  const path = (groups['path'] ?? '').split('/');
  const primaryName = isSentinel ? path.shift() : undefined;
  if (isSentinel && !primaryName) throw invalid("the primary's name is missing behind the sentinels");
  const [databaseText = '', ...further] = path;
  if (further.length > 0 || !/^\d{0,5}$/.test(databaseText)) throw invalid('its database is not a number');
  const database = Number(databaseText);
  if (topology === 'cluster' && database > 0) throw invalid('a Cluster has no database but 0');

  return {
    topology,
    addresses: [first, ...others],
    ...(primaryName !== undefined && { primaryName }),
    database,
    ...(scheme.startsWith('rediss') && { tls: new TlsSettings() }),
    credentials: credentialsIn(groups['login'], invalid),
    sentinelCredentials: new RedisCredentials(),
  };
}

function credentialsIn(login: string | undefined, invalid: (problem: string) => InvalidOptionError): RedisCredentials {
  if (login === undefined) return new RedisCredentials();
  const colon = login.indexOf(':');
  try {
    const username = decodeURIComponent(colon < 0 ? login : login.slice(0, colon));
    const password = colon < 0 ? undefined : decodeURIComponent(login.slice(colon + 1));
    if (password === undefined) throw invalid('its user has no password');
    return new RedisCredentials(username || undefined, password || undefined);
  } catch (error) {
    throw error instanceof InvalidOptionError ? error : invalid('its user or password is not percent-encoded');
  }
}
