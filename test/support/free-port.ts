import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';

/**
 * A port of 127.0.0.1 that nobody listens on. It is none of those that the kernel gives to outgoing connections: a server that is killed finds its port free
 * when it starts again, and nobody who connects to it meanwhile meets themselves. Nor is it one that a test in another process of Jest would draw: the clients of
 * a server that is away must not meet the server of another test. Another run of the tests may take it before you do: retry.
 */
export async function freePort(): Promise<number> {
  const lane = (Number(process.env['JEST_WORKER_ID'] ?? lanes) - 1) % lanes;
  for (;;) {
    const port = firstOf(lane) + randomInt(portsOfLane);
    if (await isFree(port)) return port;
  }
}

const first = 10_240;
/** The bus of a node of a Redis Cluster is 10,000 ports further on, and is no outgoing connection's either. */
const end = Math.max(first + 1_000, Math.min(32_768, firstOutgoing()) - 10_000);

/** Jest numbers its processes from 1 on; whoever is none of them takes the last lane. */
const lanes = 8;
const portsOfLane = Math.floor((end - first) / lanes);
const firstOf = (lane: number): number => first + lane * portsOfLane;

function firstOutgoing(): number {
  try {
    return parseInt(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8'), 10);
  } catch {
    return 49_152; // what RFC 6335 says, where there is no such file
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  const isBound = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => resolve(true));
  });
  if (isBound) await new Promise((resolve) => server.close(resolve));
  return isBound;
}
