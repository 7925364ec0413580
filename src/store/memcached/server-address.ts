import { InvalidOptionError } from '../../value/errors.js';

/** A memcached server as it was configured. `text` is its place on the ring: `host:port`, or the path of its unix socket. */
export interface ServerAddress {
  /** The path where it listens on a unix socket. */
  readonly host: string;
  /** 0 where it listens on a unix socket. */
  readonly port: number;
  readonly isSocketPath: boolean;
  readonly text: string;
}

const defaultPort = 11_211;
/** `host`, `host:port`, `[::1]`, `[::1]:port` or `[fe80::1%eth0]:port`. */
const pattern = /^(?:\[([0-9a-fA-F:.]+(?:%[A-Za-z0-9._-]+)?)\]|([A-Za-z0-9._-]+))(?::(\d{1,5}))?$/;

/**
 * `['a:11211', 'b']` or `'a:11211,b'`.
 * @throws InvalidOptionError naming `servers`.
 */
export function parseServers(servers: string | readonly string[]): [ServerAddress, ...ServerAddress[]] {
  const given: unknown = typeof servers === 'string' ? servers.split(',') : servers;
  if (!isTexts(given)) throw invalid('it is neither a text nor a list of texts');
  const parsed = given
    .map((server) => server.trim())
    .filter((server) => server !== '')
    .map(parseServer);
  const repeated = parsed.find(({ text }, index) => parsed.some((other, at) => at < index && other.text === text));
  if (repeated) throw invalid(`${repeated.text} is named twice`);
  const [first, ...rest] = parsed;
  if (!first) throw invalid('it names no server');
  return [first, ...rest];
}

/**
 * Of a source, which has one place: the servers are what it names.
 * @throws InvalidOptionError naming `servers`.
 */
export function parseOneServer(text: string): ServerAddress {
  const [server, ...others] = parseServers(text);
  if (others.length > 0) throw isNotOne(text);
  return server;
}

export function isNotOne(text: string): InvalidOptionError {
  const problem = `${JSON.stringify(text.slice(0, 120))} is not one host`;
  return new InvalidOptionError('servers', problem, 'Give a source one host:port: it names the servers itself.');
}

/** Longer ones the system does not take. */
const longestPath = 107;

function parseServer(server: string): ServerAddress {
  if (server.startsWith('/')) {
    if (server.includes('\0') || Buffer.byteLength(server) > longestPath)
      throw invalid(
        `${JSON.stringify(server.slice(0, 120))} is not the path of a unix socket, of ${longestPath} bytes at most`,
      );
    return { host: server, port: 0, text: server, isSocketPath: true };
  }
  const [, v6, name, portText] = pattern.exec(server) ?? [];
  const host = v6 ?? name;
  const port = portText === undefined ? defaultPort : Number(portText);
  if (host === undefined || port < 1 || port > 65_535)
    throw invalid(`${JSON.stringify(server.slice(0, 80))} is not host:port`);
  return { host, port, text: `${v6 === undefined ? host : `[${host}]`}:${port}`, isSocketPath: false };
}

function isTexts(given: unknown): given is readonly string[] {
  return Array.isArray(given) && given.every((each) => typeof each === 'string');
}

function invalid(problem: string): InvalidOptionError {
  return new InvalidOptionError(
    'servers',
    problem,
    "Give 'host:port,host:port', a list of 'host:port', or absolute paths of unix sockets.",
  );
}
