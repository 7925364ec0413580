import { InvalidOptionError } from '../../value/errors.js';

/** A memcached server as it was configured. `text` is its place on the ring: `host:port`. */
export interface ServerAddress {
  readonly host: string;
  readonly port: number;
  readonly text: string;
}

const defaultPort = 11_211;
/** `host`, `host:port`, `[::1]` or `[::1]:port`. */
const pattern = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+))(?::(\d{1,5}))?$/;

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

function parseServer(server: string): ServerAddress {
  const [, v6, name, portText] = pattern.exec(server) ?? [];
  const host = v6 ?? name;
  const port = portText === undefined ? defaultPort : Number(portText);
  if (host === undefined || port < 1 || port > 65_535)
    throw invalid(`${JSON.stringify(server.slice(0, 80))} is not host:port`);
  return { host, port, text: `${v6 === undefined ? host : `[${host}]`}:${port}` };
}

function isTexts(given: unknown): given is readonly string[] {
  return Array.isArray(given) && given.every((each) => typeof each === 'string');
}

function invalid(problem: string): InvalidOptionError {
  return new InvalidOptionError('servers', problem, "Give 'host:port,host:port' or a list of 'host:port'.");
}
