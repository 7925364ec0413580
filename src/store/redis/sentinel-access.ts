import { StoreUnavailableError } from '../../value/errors.js';
import { wasClosed } from '../../value/was-closed.js';
import { askSentinels } from './ask-sentinels.js';
import type { SentinelFacts } from './ask-sentinels.js';
import type { RedisAccess } from './redis-access.js';
import type { RedisConnection } from './redis-connection.js';
import { RedisServer } from './redis-server.js';
import type { RedisServerSettings } from './redis-server.js';

/** A Redis whose primary is the one that sentinels name. They are asked whenever there is no connection to it. */
export class SentinelAccess implements RedisAccess {
  readonly name: string;
  readonly isSharded = false;
  private primary: RedisServer | undefined;
  private finding: Promise<RedisServer> | undefined;
  private isClosed = false;

  constructor(
    private readonly sentinels: SentinelFacts,
    private readonly settings: RedisServerSettings,
  ) {
    this.name = `redis ${sentinels.primaryName} of the sentinels ${sentinels.addresses.map(({ text }) => text).join(', ')}`;
  }

  open(): void {
    this.isClosed = false;
    this.primary?.open();
  }

  close(): void {
    this.isClosed = true;
    this.primary?.close();
  }

  ready(): RedisConnection | undefined {
    return this.primary?.ready;
  }

  async connected(): Promise<RedisConnection> {
    return this.ready() ?? (await this.found()).connected();
  }

  async ownConnection(
    _slot: number,
    onEnd?: (connection: RedisConnection, reason: string) => void,
    commandTimeoutMs?: number,
  ): Promise<RedisConnection> {
    const primary = this.primary?.ready ? this.primary : await this.found();
    return primary.ownConnection(onEnd, commandTimeoutMs);
  }

  homeOf(): string {
    return 'primary';
  }

  learn(): void {}

  follow(refusal: Error): Promise<never> {
    return Promise.reject(refusal);
  }

  async allConnected(): Promise<readonly RedisConnection[]> {
    return [await this.connected()];
  }

  /** The primary as the sentinels name it now. @throws StoreUnavailableError */
  private async found(): Promise<RedisServer> {
    if (this.isClosed) throw new StoreUnavailableError(this.name, wasClosed);
    this.finding ??= this.find().finally(() => (this.finding = undefined));
    return this.finding;
  }

  private async find(): Promise<RedisServer> {
    const address = await askSentinels(this.name, this.sentinels, this.settings);
    if (this.primary?.address.text !== address.text) {
      // The old one may live on as a replica: nothing more is asked of it.
      this.primary?.close();
      this.primary = new RedisServer(address, this.settings);
    }
    if (this.isClosed) this.primary.close();
    return this.primary;
  }
}
