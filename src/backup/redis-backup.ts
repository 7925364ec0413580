import { PassThrough } from 'node:stream';
import type { Readable, Writable } from 'node:stream';
import { accessLater } from '../store/redis/access-for.js';
import type { RedisAccess } from '../store/redis/redis-access.js';
import { readRedisOptions, redisConnectionOptions } from '../store/redis/redis-options.js';
import type { RedisConnectionOptions } from '../store/redis/redis-options.js';
import { systemRandom } from '../value/chance.js';
import { systemClock } from '../value/clock.js';
import type { Clock } from '../value/clock.js';
import { KnownOptions } from '../value/known-options.js';
import { unlessAborted } from '../value/unless-aborted.js';
import type { BackupManifest } from './backup-manifest.js';
import { knownOfRestore, restoreBackup } from './restore-backup.js';
import type { RestoreBackupOptions, RestoredBackup } from './restore-backup.js';
import { assertTakeOptions, takeBackup } from './take-backup.js';
import type { TakeBackupOptions } from './take-backup.js';

export interface RedisBackupOptions {
  /** Where Redis is. Of a Cluster, every primary is dumped. `commandTimeout` defaults to 30 s here: a single dump may be large. */
  readonly connection: RedisConnectionOptions;
}

const known = KnownOptions.of<RedisBackupOptions>('redisBackup()', { connection: redisConnectionOptions });

/**
 * Backups of a Redis as chunks of `key length, key, dump length, dump`, lengths as uint32 big-endian, dumps as DUMP gives them. Keys with an expiration
 * are no part of them.
 *
 * @throws InvalidOptionError
 * @example
 * const backup = redisBackup({ connection: { url: 'redis://localhost' } });
 * const manifest = await backup.take(createWriteStream('redis.bak'));
 */
export function redisBackup(options: RedisBackupOptions): RedisBackup {
  known.check(options);
  return redisBackupWith(options);
}

/** @internal */
export function redisBackupWith(
  options: RedisBackupOptions,
  { urlName = 'url', clock = systemClock, random = systemRandom }: BackupTuning = {},
): RedisBackup {
  const settings = readRedisOptions(options.connection, urlName, { commandTimeout: '30s', connectTimeout: '5s' });
  return new RedisBackup(accessLater(settings, clock, random), settings.target.database, clock);
}

/** What the command line and tests say besides. */
interface BackupTuning {
  /** What the URL is called where it was given. */
  readonly urlName?: string;
  readonly clock?: Clock;
  readonly random?: () => number;
}

/** See {@link redisBackup}. Close it. */
export class RedisBackup {
  /** @internal Made by `redisBackup`. */
  constructor(
    private readonly access: Promise<RedisAccess>,
    private readonly database: number,
    private readonly clock: Clock,
  ) {}

  /**
   * Writes a backup into a stream, which it leaves open. Memory stays within a few megabytes, 16 bytes for each key, and the largest dump.
   * @returns the manifest: keep it beside the backup, whose format has no end of its own.
   * @throws StoreUnavailableError: a SCAN can't be resumed on another connection, so the whole backup has to be taken again.
   * @throws InvalidOptionError
   * @throws DumpTooLargeError: a key's dump has more than 512 MiB, which a restore could not put back.
   */
  async take(stream: Writable, options: TakeBackupOptions = {}): Promise<BackupManifest> {
    // It may fail before the backup begins to write, and would end the process.
    stream.on('error', () => {});
    assertTakeOptions(options);
    const connections = await (await this.access).allConnected();
    return takeBackup(connections, this.database, stream, options, this.clock);
  }

  /**
   * Takes a backup into what wants a body, such as an object store. A backup that can't be finished ends the body with an error: an object store then
   * keeps nothing. An aborted one waits no longer for its put, which may go on: where it could hang, give it the signal too. It rejects once the backup has
   * ended as well.
   *
   * @returns the manifest, and what `put` resolves to.
   * @throws as `take`; what `put` throws or rejects with; an Error where it resolves before it has read the whole body: there is no backup then.
   * @example const { manifest, stored } = await backup.takeInto((body) => objects.put(redisBackups, {}, body));
   */
  async takeInto<T>(
    put: (body: Readable) => Promise<T>,
    options: TakeBackupOptions = {},
  ): Promise<{ readonly manifest: BackupManifest; readonly stored: T }> {
    const body = new PassThrough({ highWaterMark: 2 ** 20 });
    let failure: unknown;
    const taking = this.take(body, options).then(
      (manifest) => {
        body.end();
        return manifest;
      },
      (error: unknown) => {
        // A put that has failed has destroyed its body: then that it is closed is all that the backup knows.
        if (!body.destroyed) failure = error;
        body.destroy(error instanceof Error ? error : new Error(String(error)));
        throw error;
      },
    );
    taking.catch(() => {});
    try {
      const stored = await unlessAborted((async () => put(body))(), options.signal);
      if (body.readableEnded) return { manifest: await taking, stored };
      throw new Error('What the backup was put into ended before it had read the whole backup.');
    } catch (error) {
      // A backup whose body is destroyed ends; one that is aborted ends its body with why. By its end, it has removed its files.
      if (options.signal?.aborted !== true) body.destroy();
      await taking.catch(() => {});
      body.destroy();
      throw failure ?? error;
    }
  }

  /**
   * Restores a backup, after all of it was verified. @param open begins to read it; called twice, for the same bytes: open a file once, as another one may
   * get its name meanwhile.
   * @throws DamagedBackupError, RestoreRefusedError: nothing was restored. StoreUnavailableError: some of it may have been, and so it may where a
   * DamagedBackupError says that the second bytes are not the first.
   */
  async restore(open: () => AsyncIterable<Uint8Array>, options: RestoreBackupOptions = {}): Promise<RestoredBackup> {
    knownOfRestore.check(options);
    return restoreBackup(await this.access, open, options, this.clock);
  }

  /** Ends its connections. */
  async close(): Promise<void> {
    (await this.access.catch(() => undefined))?.close();
  }
}
