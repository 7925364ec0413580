import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';

/** MD5 digests for each server, and four points from each: libketama's 160. */
const digestsPerServer = 40;
/** Of keys whose server is remembered: a look-up in the ring costs a digest. */
const maxRemembered = 10_000;

/**
 * Consistent hashing as libketama does it: each server stands at 160 points of a ring of 2^32, and a key belongs to the server of the first point at or
 * after its own. With a server more or less, only that server's share of keys moves. A pure function of the names, their order included where two
 * points are the same.
 *
 * Where a key lies is decided for good: test/store/ketama-ring.spec.ts pins it, and docs/decisions/ketama-ring.md says why. MD5 spreads here, and keeps no secret.
 */
export class KetamaRing {
  private readonly points: Uint32Array;
  /** For each point, its server's place in `servers`. */
  private readonly owners: Uint16Array;
  private readonly remembered = new LRUCache<string, string>({ max: maxRemembered });

  /** @param servers one or more, each once. */
  constructor(private readonly servers: readonly string[]) {
    const all = servers.flatMap((server, owner) => pointsOf(server, servers.length).map((point) => ({ point, owner })));
    all.sort((one, other) => one.point - other.point);
    this.points = Uint32Array.from(all, ({ point }) => point);
    this.owners = Uint16Array.from(all, ({ owner }) => owner);
  }

  /** The server that a key belongs to. */
  serverOf(key: string): string {
    const known = this.remembered.get(key);
    if (known !== undefined) return known;
    const server = this.servers[this.owners[this.firstFrom(pointAt(digest(key), 0))] as number] as string;
    this.remembered.set(key, server);
    return server;
  }

  /** The first point that is not before this one; behind the last one the ring begins again. */
  private firstFrom(point: number): number {
    let [low, high] = [0, this.points.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.points[middle] as number) < point) low = middle + 1;
      else high = middle;
    }
    return low === this.points.length ? 0 : low;
  }
}

function pointsOf(server: string, servers: number): number[] {
  // In this order, as it was always worked out: for 49 servers it comes to 39.
  const digests = Math.floor((1 / servers) * digestsPerServer * servers);
  const points: number[] = [];
  for (let number = 0; number < digests; number++) {
    const bytes = digest(`${server}-${number}`);
    for (const part of [0, 4, 8, 12]) points.push(pointAt(bytes, part));
  }
  return points;
}

const pointAt = (bytes: Buffer, at: number): number => bytes.readUInt32LE(at);

const digest = (text: string): Buffer => createHash('md5').update(text).digest();
