import type { RedisArgument, RedisReply } from '../store/redis/driver/redis-driver.js';
import { itemsOf } from '../store/redis/redis-reply.js';
import { refusalCode } from '../store/redis/redis-server-error.js';
import { UndecodableError } from '../value/errors.js';

/** `null`: no record. An error: what stands there is none. */
export type RecordBytes = Buffer | null | UndecodableError;

/**
 * What stands under these names, at one moment. MGET answers nil for a list, a set or a hash as well, which a write would replace; GET refuses it, and is asked
 * for whatever seems to be missing. The first command is sent during the call.
 *
 * @param ask rejects with StoreUnavailableError, whose cause is the server's refusal.
 * @returns `undefined`: a reply to another command.
 */
export async function recordBytes(
  names: readonly string[],
  ask: (args: readonly RedisArgument[]) => Promise<RedisReply>,
): Promise<readonly RecordBytes[] | undefined> {
  const get = (name: string): Promise<RedisReply | UndecodableError> =>
    ask(['GET', name]).catch((error: unknown) => {
      if (refusalCode(error) !== 'WRONGTYPE') throw error;
      return new UndecodableError(
        `${name}: no record, but a list, a set or the like (WRONGTYPE). Remove or rename it.`,
      );
    });
  const found = names.length === 1 ? [await get(names[0] as string)] : itemsOf(await ask(['MGET', ...names]));
  if (found?.length !== names.length || !found.every(isRecordBytes)) return undefined;
  if (names.length === 1) return found;
  return Promise.all(
    found.map(async (bytes, index) => {
      if (bytes !== null) return bytes;
      const now = await get(names[index] as string);
      return now instanceof UndecodableError ? now : null;
    }),
  );
}

function isRecordBytes(reply: RedisReply | UndecodableError): reply is RecordBytes {
  return reply === null || Buffer.isBuffer(reply) || reply instanceof UndecodableError;
}

/** @throws the error among them. */
export function assertRecords(found: readonly RecordBytes[]): asserts found is readonly (Buffer | null)[] {
  const other = found.find((bytes) => bytes instanceof UndecodableError);
  if (other) throw other;
}
