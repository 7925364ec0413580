import { connect, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { freePort } from './free-port.js';

/** Which way bytes flow: commands towards the server, replies back. */
export type Direction = 'commands' | 'replies';

/** Stands between a client and a server on 127.0.0.1, and misbehaves on request. */
export async function startTcpProxy(targetPort: number): Promise<TcpProxy> {
  const proxy = new TcpProxy(targetPort);
  await proxy.refuse(false);
  return proxy;
}

export class TcpProxy {
  port = 0;
  /** Connections accepted so far. */
  accepted = 0;
  /** Chunks that a black hole, or the lack of replies, has swallowed so far. */
  swallowed = 0;
  /** Chunks that wait to be let go now. */
  held = 0;
  private server: Server | undefined;
  private readonly links = new Set<Link>();
  /** @internal What links consult. */
  readonly faults = {
    blackhole: false,
    dropReplies: false,
    deliversAfterReset: false,
    delayMs: { commands: none, replies: none } as Record<Direction, () => number>,
    narrow: undefined as { readonly bytes: number; readonly everyMs: number; pieces: number } | undefined,
    gate: undefined as { readonly from: (chunk: Buffer) => number; readonly opened: Promise<void> } | undefined,
    nextReply: undefined as ((reply: Buffer) => { pass: Buffer; then: 'go-on' | 'hang' | 'cut' }) | undefined,
  };

  /** @param target the server's port on this machine, of connections that are accepted from now on; see `cut`. */
  constructor(public target: number) {}

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  get openConnections(): number {
    return this.links.size;
  }

  /** Destroys every connection, both ends. New ones are accepted. */
  cut(): void {
    for (const link of this.links) link.destroy();
  }

  /** On: nobody listens, connecting is refused; open connections stay (see `cut`). Off: listens on the same port again. */
  async refuse(on: boolean): Promise<void> {
    if (on === (this.server === undefined)) return;
    if (on) {
      this.server?.close();
      this.server = undefined;
      return;
    }
    const server = createServer({ allowHalfOpen: true }, (client) => {
      this.accepted++;
      const link = new Link(client, connect({ port: this.target, host: '127.0.0.1', allowHalfOpen: true }), this);
      this.links.add(link);
      link.onEnd = () => this.links.delete(link);
    });
    // While it refuses, no outgoing connection may take its port.
    const port = this.port || (await freePort());
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, '127.0.0.1', resolve);
    });
    this.port = port;
    this.server = server;
  }

  /** On: connections are accepted, and everything both ways is swallowed. Off: those that lost bytes are cut. */
  blackhole(on: boolean): void {
    this.faults.blackhole = on;
    if (!on) this.cutDamaged();
  }

  /** On: commands arrive, replies are swallowed. Off: connections that lost bytes are cut. */
  dropReplies(on: boolean): void {
    this.faults.dropReplies = on;
    if (!on) this.cutDamaged();
  }

  /**
   * Holds every chunk that long, order kept; 0 ends it. What was under way when the client closes in order still arrives, as on a
   * network; a reset takes it back.
   */
  delay(delayMs: number, direction: Direction = 'commands'): void {
    this.faults.delayMs[direction] = () => delayMs;
  }

  /** A narrow line: of replies so many bytes pass at a time; after so many `pieces` nothing more does. */
  narrow(bytes: number, everyMs: number, pieces = Infinity): void {
    this.faults.narrow = { bytes, everyMs, pieces };
  }

  /** From now on a reset takes nothing back: what had reached the server's host already. */
  deliverAfterReset(): void {
    this.faults.deliversAfterReset = true;
  }

  /**
   * Holds what follows on a connection until the returned function is called.
   * @param from tells of a chunk of commands where in it that begins; -1: nowhere.
   */
  holdCommands(from: (chunk: Buffer) => number): () => void {
    let open = (): void => {};
    this.faults.gate = { from, opened: new Promise((resolve) => (open = resolve)) };
    return () => {
      this.faults.gate = undefined;
      open();
    };
  }

  /** As `delay`, drawn anew for each chunk. @param random 0 ≤ n < 1, as of `seededRandom`. */
  delayBetween(minMs: number, maxMs: number, random: () => number, direction: Direction = 'commands'): void {
    this.faults.delayMs[direction] = () => minMs + random() * (maxMs - minMs);
  }

  /** Lets that many bytes of the next reply through, then nothing more on that connection (`hang`), or closes it (`cut`). */
  truncateNextReply(bytes: number, then: 'hang' | 'cut' = 'hang'): void {
    this.faults.nextReply = (reply) => ({ pass: reply.subarray(0, bytes), then });
  }

  /** Sends these bytes in place of the next reply; later ones pass. */
  replaceNextReply(bytes: Uint8Array): void {
    this.faults.nextReply = () => ({ pass: Buffer.from(bytes), then: 'go-on' });
  }

  /** Sends what `rewrite` makes of the next reply; later ones pass. */
  rewriteNextReply(rewrite: (reply: Buffer) => Buffer): void {
    this.faults.nextReply = (reply) => ({ pass: rewrite(reply), then: 'go-on' });
  }

  /** Whether a truncation, replacement or rewriting still waits for its reply. */
  get armed(): boolean {
    return this.faults.nextReply !== undefined;
  }

  async close(): Promise<void> {
    await this.refuse(true);
    this.cut();
  }

  private cutDamaged(): void {
    for (const link of this.links) if (link.lostBytes) link.destroy();
  }
}

const none = (): number => 0;

class Link {
  lostBytes = false;
  onEnd: () => void = () => {};
  private hangs = false;
  private ended = false;

  constructor(
    private readonly client: Socket,
    private readonly upstream: Socket,
    private readonly proxy: TcpProxy,
  ) {
    client.setNoDelay(true);
    upstream.setNoDelay(true);
    upstream.on('error', () => this.destroy());
    this.pump(client, upstream, 'commands');
    this.pump(upstream, client, 'replies');
    upstream.on('close', () => this.destroy());
  }

  destroy(): void {
    if (this.ended) return;
    this.ended = true;
    this.client.destroy();
    this.upstream.destroy();
    this.onEnd();
  }

  private pump(from: Socket, to: Socket, direction: Direction): void {
    const { faults } = this.proxy;
    let line: Promise<void> = Promise.resolve();
    let freeAt = 0;
    const after = (delayMs: number, act: () => void): void => {
      const dueAt = performance.now() + delayMs;
      line = line.then(() => (this.ended ? undefined : pause(dueAt - performance.now()))).then(act);
    };
    from.on('data', (chunk: Buffer) => {
      const { narrow } = faults;
      if (narrow && direction === 'replies') {
        for (let at = 0; at < chunk.length; at += narrow.bytes) {
          freeAt = Math.max(freeAt, performance.now());
          after(freeAt - performance.now(), () => {
            if (narrow.pieces-- > 0 && to.writable) to.write(chunk.subarray(at, at + narrow.bytes));
          });
          // By the clock: a busy machine makes the line no narrower.
          freeAt += narrow.everyMs;
        }
        return;
      }
      const deliver = (part: Buffer): void =>
        after(faults.delayMs[direction](), () => {
          const pass = this.spoil(part, direction);
          if (pass.length > 0 && to.writable) to.write(pass);
        });
      const gate = direction === 'commands' ? faults.gate : undefined;
      const heldFrom = gate ? gate.from(chunk) : -1;
      if (!gate || heldFrom < 0) return deliver(chunk);
      deliver(chunk.subarray(0, heldFrom));
      after(0, () => this.proxy.held++);
      line = line.then(() => gate.opened).then(() => void this.proxy.held--);
      deliver(chunk.subarray(heldFrom));
    });
    const hangUp = (): void =>
      after(0, () => {
        if (faults.blackhole) this.lostBytes = true;
        else to.end();
      });
    from.on('end', hangUp);
    if (from === this.client) from.on('error', () => (faults.deliversAfterReset ? hangUp() : this.destroy()));
  }

  private spoil(chunk: Buffer, direction: Direction): Buffer {
    const { faults } = this.proxy;
    if (faults.blackhole || (direction === 'replies' && (faults.dropReplies || this.hangs))) {
      this.lostBytes = true;
      this.proxy.swallowed++;
      return nothing;
    }
    if (direction === 'commands' || !faults.nextReply) return chunk;
    const { pass, then } = faults.nextReply(chunk);
    faults.nextReply = undefined;
    if (then === 'hang') {
      this.hangs = true;
      this.lostBytes = true;
    }
    if (then === 'cut') {
      this.client.end(pass);
      setImmediate(() => this.destroy());
      return nothing;
    }
    return pass;
  }
}

const nothing = Buffer.alloc(0);

function pause(delayMs: number): Promise<void> | undefined {
  return delayMs > 0 ? new Promise((resolve) => setTimeout(resolve, delayMs)) : undefined;
}
