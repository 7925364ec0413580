import type { Duration } from '../../../value/duration.js';
import { InvalidOptionError } from '../../../value/errors.js';
import { parseServers } from '../server-address.js';

/** What a source says of the servers now. */
export interface ListedServers {
  /** `host:port`, paths of unix sockets. Their order means nothing. */
  readonly servers: readonly string[];
  /** Grows with each change: a greater one is believed at once. Without one, or when it went back, another list is believed when it has stayed for three times `every`. */
  readonly version?: number;
}

/** What a source may use to ask, with the store's own deadlines, TLS and credentials. */
export interface SourceNetwork {
  /** Sends the request to `host:port`, and collects what comes back until it is whole. @throws Error */
  readonly talk: (server: string, request: string, isWhole: (answer: string) => boolean) => Promise<string>;
  /** The addresses of a name. @throws the resolver's error */
  readonly addressesOf: (host: string) => Promise<readonly string[]>;
}

/**
 * Where the list of servers comes from: `configEndpoint()`, `dnsServers()`, or one of your own. Processes of one fleet have sources of one name, and each of
 * them must hear of a change within two times `every` after the first.
 */
export interface ServerSource {
  /** Processes that share a cache have the same. Servers are marked by it. 1 to 100 characters. */
  readonly name: string;
  /** How often it is asked where nobody says. Default `'5s'`. */
  readonly every?: Duration;
  /** @throws whatever goes wrong: the list stays as it was. */
  list(network: SourceNetwork): Promise<ListedServers>;
}

/** A list of servers that may change while processes run. */
export interface DiscoveredServers {
  /** `configEndpoint(…)`, `dnsServers(…)`, or a source of your own. */
  readonly discover: ServerSource;
  /** How often the source is asked. Default: what the source says, else `'5s'`. */
  readonly every?: Duration;
}

/** As it is compared and marked: each once, sorted. @throws InvalidOptionError for what is no list, or names no server */
export function canonicalList({ servers, version }: ListedServers): Required<Pick<ListedServers, 'servers'>> & {
  readonly version: number | undefined;
} {
  if (version !== undefined && !(Number.isSafeInteger(version) && version >= 0))
    throw new InvalidOptionError(
      'servers.discover',
      `${version} is no version of a list`,
      'Give a whole number that grows.',
    );
  const texts = parseServers([...new Set(servers)]).map(({ text }) => text);
  return { servers: texts.sort(), version };
}

export const isSameList = (one: readonly string[], other: readonly string[]): boolean =>
  one.length === other.length && one.every((server, index) => server === other[index]);
