import { InvalidOptionError } from '../../../value/errors.js';
import { parseOneServer } from '../server-address.js';
import type { ListedServers, ServerSource } from './server-source.js';

/** Far more than a list of the longest names. */
const longestAnswer = 65_536;

/**
 * A configuration endpoint, as hosted memcached clusters have one: it answers `config get cluster` with a list of servers and its version.
 *
 * @param endpoint `'mycache.cfg.example.com:11211'`.
 * @throws InvalidOptionError, for several as well
 * @example
 * memcachedStore({ servers: { discover: configEndpoint('mycache.cfg.example.com:11211') } });
 */
export function configEndpoint(endpoint: string): ServerSource {
  const { text } = parseOneServer(endpoint);
  return {
    name: `config ${text}`,
    every: '5s',
    list: async ({ talk }) => parseConfiguration(await talk(text, 'config get cluster\r\n', isWhole)),
  };
}

function isWhole(answer: string): boolean {
  if (answer.length > longestAnswer) throw new Error('its answer has no end');
  return answer.endsWith('END\r\n') || /^(?:ERROR|CLIENT_ERROR|SERVER_ERROR)[^\n]*\n/.test(answer);
}

/**
 * `CONFIG cluster 0 LENGTH`, a line with the version, a line of `host|ip|port` separated by blanks, an empty line, `END`. A server whose name is empty is
 * called by its address.
 *
 * @throws Error for anything else.
 */
export function parseConfiguration(answer: string): ListedServers {
  const [, version, list] = /^CONFIG cluster \d+ \d+\r\n(\d{1,15})\n([^\n]*)\n/.exec(answer) ?? [];
  if (version === undefined || list === undefined) throw new Error('it answers no configuration of a cluster');
  const servers = list.split(' ').filter((server) => server !== '');
  return { version: Number(version), servers: servers.map(serverOf) };
}

function serverOf(text: string): string {
  const [name = '', address = '', port = ''] = text.split('|');
  const host = name === '' ? address : name;
  if (host === '' || !/^\d{1,5}$/.test(port))
    throw new InvalidOptionError('servers.discover', 'its configuration names no server', 'Look at the endpoint.');
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}
