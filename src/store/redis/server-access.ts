import type { RedisAccess } from './redis-access.js';
import type { RedisConnection } from './redis-connection.js';
import type { RedisServer } from './redis-server.js';

/** A Redis that is one server. */
export class ServerAccess implements RedisAccess {
  readonly isSharded = false;

  constructor(private readonly server: RedisServer) {}

  get name(): string {
    return this.server.name;
  }

  open(): void {
    this.server.open();
  }

  close(): void {
    this.server.close();
  }

  ready(): RedisConnection | undefined {
    return this.server.ready;
  }

  connected(): Promise<RedisConnection> {
    return this.server.connected();
  }

  ownConnection(
    _slot: number,
    onEnd?: (connection: RedisConnection, reason: string) => void,
    commandTimeoutMs?: number,
  ): Promise<RedisConnection> {
    return this.server.ownConnection(onEnd, commandTimeoutMs);
  }

  homeOf(): string {
    return 'primary';
  }

  learn(): void {}

  follow(refusal: Error): Promise<never> {
    return Promise.reject(refusal);
  }

  async allConnected(): Promise<readonly RedisConnection[]> {
    return [await this.server.connected()];
  }
}
