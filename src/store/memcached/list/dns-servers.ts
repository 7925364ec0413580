import { isNotOne, parseOneServer } from '../server-address.js';
import type { ServerSource } from './server-source.js';

/**
 * A name whose addresses are the servers, such as a headless service. Resolvers must give all addresses, and agree with one another within two times
 * `every`: a record's time to live is at most that.
 *
 * @param port Default 11211.
 * @throws InvalidOptionError, for several names as well
 * @example
 * memcachedStore({ servers: { discover: dnsServers('cache.internal', 11_211) } });
 */
export function dnsServers(host: string, port = 11_211): ServerSource {
  const { text, host: name, isSocketPath } = parseOneServer(`${host}:${port}`);
  if (isSocketPath) throw isNotOne(host);
  return {
    name: `dns ${text}`,
    every: '15s',
    list: async ({ addressesOf }) => {
      const addresses = await addressesOf(name);
      return { servers: addresses.map((address) => `${address.includes(':') ? `[${address}]` : address}:${port}`) };
    },
  };
}
