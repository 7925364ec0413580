import { configEndpoint } from './config-endpoint.js';
import type { DiscoveredServers } from './server-source.js';
import { dnsServers } from './dns-servers.js';

/**
 * `config://host:port` or `dns://host:port`, as an environment variable says it. Undefined: the text names servers.
 * @throws InvalidOptionError
 */
export function discoveryIn(text: string): DiscoveredServers | undefined {
  const [, kind, place = ''] = /^\s*(config|dns):\/\/(\S*)\s*$/.exec(text) ?? [];
  if (kind === undefined) return undefined;
  if (kind === 'config') return { discover: configEndpoint(place) };
  const [, host = place, port] = /^(.*?)(?::(\d{1,5}))?$/.exec(place) ?? [];
  return { discover: port === undefined ? dnsServers(host) : dnsServers(host, Number(port)) };
}
