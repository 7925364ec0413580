import { isIP } from 'node:net';
import type { Clock } from '../../value/clock.js';
import { setImmediate } from '../../value/turn.js';
import { obstacleIn } from '../obstacle.js';
import { UnfitError } from './dial.js';
import type { Met } from './dial.js';
import { isSameServer } from './is-same-server.js';
import type { ResolveName } from './resolve-name.js';

export interface HomeOptions {
  readonly clock: Clock;
  readonly resolve: ResolveName;
  /** A resolver that takes longer is given up. */
  readonly connectTimeoutMs: number;
  /** Connects to one address. */
  readonly dial: (address: string) => Promise<Met>;
  /** Whether servers of one name are compared. False only for a negative control. */
  readonly comparesServers: boolean;
}

/** What became of the name of a server that is connected. */
export interface Moved {
  /** Goes on from the server's name, for people. */
  readonly said: string;
  /** The connection leads to where the name does not lead any more. */
  readonly leaves: boolean;
}

/** How much later than the first another address may answer, and still be compared before the first command. */
const graceMs = 50;
/** A name that comes back sooner to an address that it had left stands for both. */
const rememberedMs = 600_000;

/**
 * Where a server's name leads. A key has one home: behind several addresses there must be one server, since a removal at one of two would leave the
 * value at the other, and a lock that is held at one could be acquired at the other.
 */
export class ServerHome {
  private last: string | undefined;
  /** Addresses that the name has led to before, and until when. */
  private readonly left = new Map<string, number>();

  /** @param isSocketPath the host is one, and leads to itself. */
  constructor(
    private readonly host: string,
    private readonly isSocketPath: boolean,
    private readonly options: HomeOptions,
  ) {}

  /** An address leads to itself for good. */
  get isFixed(): boolean {
    return this.isSocketPath || isIP(this.host) > 0;
  }

  /** The first address that answers. @throws UnfitError where others are other servers; the first address's error where none answers */
  async reach(): Promise<Met> {
    const addresses = this.isFixed ? [this.host] : [...new Set(await this.addresses())];
    const met =
      addresses.length === 1 ? await this.options.dial(addresses[0] as string) : await this.firstOf(addresses);
    if (this.last !== undefined && !addresses.includes(this.last)) this.leave(this.last);
    this.last = met.address;
    return met;
  }

  /** Looks once more where the name leads. Undefined: to the server that is connected, as far as can be told. @throws UnfitError */
  async look(met: Met): Promise<Moved | undefined> {
    const { clock, dial, comparesServers } = this.options;
    const addresses = await this.addresses().catch(() => [met.address]);
    for (const [address, at] of this.left) if (clock.monotonic() - at > rememberedMs) this.left.delete(address);
    const others = new Set([...addresses, ...this.left.keys()]);
    others.delete(met.address);
    for (const address of comparesServers ? others : []) {
      const other = await dial(address).catch(() => undefined);
      if (!other || (await this.isOne(met, other))) continue;
      if (!addresses.includes(address))
        return { leaves: false, said: `leads to ${met.address} now. ${stillRuns(address)}` };
      if (addresses.includes(met.address) || this.left.has(address)) throw severalServers(met.address, address);
      this.leave(met.address);
      return { leaves: true, said: `leads to ${address} now, and is looked for there. ${stillRuns(met.address)}` };
    }
    return undefined;
  }

  private leave(address: string): void {
    this.left.set(address, this.options.clock.monotonic());
  }

  private addresses(): Promise<readonly string[]> {
    const { clock, resolve, connectTimeoutMs } = this.options;
    return new Promise((found, reject) => {
      const late = (): void => reject(new Error(`its name was not resolved within ${connectTimeoutMs} ms`));
      // A loop that was blocked fires the timer first; one turn later it has the answer.
      const timer = clock.after(connectTimeoutMs, () => setImmediate(late));
      const failed = (cause: unknown): void =>
        reject(new Error(`its name was not resolved: ${obstacleIn(cause).words}`, { cause }));
      resolve(this.host)
        .then(found, failed)
        .finally(() => timer.cancel());
    });
  }

  private async firstOf(addresses: readonly string[]): Promise<Met> {
    const attempts = addresses.map((address) => this.options.dial(address));
    const first = await Promise.any(attempts).catch(({ errors }: AggregateError) => {
      throw errors.find((error) => error instanceof UnfitError) ?? errors[0];
    });
    const others = await this.othersOf(attempts, first);
    try {
      for (const other of others) {
        if (!(await this.isOne(first, other))) throw severalServers(first.address, other.address);
      }
    } catch (error) {
      for (const { connection } of [first, ...others]) connection.end('its name stands for several servers');
      throw error;
    }
    return first;
  }

  /** Those that answer soon; what answers later is only hung up: `look` will ask it. */
  private othersOf(attempts: readonly Promise<Met>[], first: Met): Promise<Met[]> {
    return new Promise((resolve) => {
      const others: Met[] = [];
      let left = attempts.length;
      let isOver = false;
      const end = (): void => {
        isOver = true;
        timer.cancel();
        resolve(others);
      };
      const timer = this.options.clock.after(graceMs, end);
      const settled = (met?: Met): void => {
        if (met && met !== first) {
          if (isOver) met.connection.end('another address was quicker');
          else others.push(met);
        }
        if (--left === 0 && !isOver) end();
      };
      for (const attempt of attempts) attempt.then(settled, () => settled());
    });
  }

  private async isOne(met: Met, other: Met): Promise<boolean> {
    try {
      return !this.options.comparesServers || (await isSameServer(met.connection, other.connection));
    } finally {
      other.connection.end('it was only asked who it is');
    }
  }
}

function severalServers(one: string, other: string): UnfitError {
  const said = `stands for several servers (${one} and ${other}): each key would have two homes. It is not used until it stands for one. Name each server in \`servers\`.`;
  return new UnfitError('unsuitable', `its name stands for several servers, ${one} and ${other}`, said);
}

const stillRuns = (address: string): string =>
  `The server at ${address} still runs: what other processes still invalidate or lock there is not known here. End it, or name both in \`servers\`.`;
