/** Where one Redis process listens. `text` is `host:port`, an IPv6 host in brackets. */
export interface RedisAddress {
  readonly host: string;
  readonly port: number;
  readonly text: string;
}

/** `host`, `host:port`, `[::1]` or `[::1]:port`. */
const pattern = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+))(?::(\d{1,5}))?$/;

/** The address that this text names; `undefined` where it names none. */
export function parseRedisAddress(text: string, defaultPort: number): RedisAddress | undefined {
  const [, v6, name, portText] = pattern.exec(text) ?? [];
  const host = v6 ?? name;
  if (host === undefined) return undefined;
  return redisAddress(host, portText === undefined ? defaultPort : Number(portText));
}

/** The address of this host and port; `undefined` where there is no such port. */
export function redisAddress(host: string, port: number): RedisAddress | undefined {
  if (!Number.isInteger(port) || port < 1 || port > 65_535) return undefined;
  return { host, port, text: `${host.includes(':') ? `[${host}]` : host}:${port}` };
}

/**
 * What a refusal of a Cluster's node names: `MOVED 3999 127.0.0.1:6381`, `ASK 3999 fd00::a:6381`. A node that knows no name names a port alone.
 * @param asked the host of the node that has refused.
 * @returns undefined where it names none.
 */
export function redirectionIn(message: string, asked: string): RedisAddress | undefined {
  const [, named, port] = /^\w+ \d+ \[?([\w.:-]*?)\]?:(\d{1,5})(?= |$)/.exec(message) ?? [];
  const host = named === '' ? asked : named;
  return host ? redisAddress(host, Number(port)) : undefined;
}
