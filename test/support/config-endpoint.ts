import { startFakeServer } from './fake-server.js';

export interface ConfigEndpoint {
  readonly address: string;
  /** What it answers from now on; undefined: silence. */
  says(servers: readonly string[] | undefined, version?: number): void;
  close(): Promise<void>;
}

/** What a hosted memcached cluster has: a server that answers `config get cluster` with its list of servers, and the list's version. */
export async function startConfigEndpoint(servers: readonly string[], version = 1): Promise<ConfigEndpoint> {
  let answer: string | undefined = configurationOf(servers, version);
  const server = await startFakeServer((line) => (line === 'config get cluster' ? answer : 'ERROR\r\n'));
  return {
    address: server.address,
    says: (next, nextVersion = ++version) => (answer = next && configurationOf(next, nextVersion)),
    close: () => server.close(),
  };
}

function configurationOf(servers: readonly string[], version: number): string {
  const list = servers.map((server) => server.replace(/^(.*):(\d+)$/, '$1|$1|$2')).join(' ');
  const body = `${version}\n${list}\n`;
  return `CONFIG cluster 0 ${body.length}\r\n${body}\r\nEND\r\n`;
}
