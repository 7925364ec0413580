import { askScript } from '../store/redis/ask-script.js';
import type { RedisReply } from '../store/redis/driver/redis-driver.js';
import type { RedisConnection } from '../store/redis/redis-connection.js';
import { itemsOf } from '../store/redis/redis-reply.js';
import { redisScript } from '../store/redis/redis-script.js';
import { RedisServerError } from '../store/redis/redis-server-error.js';
import { UndecodableError } from '../value/errors.js';

/** `null`: no record. An error: what stands there is none. */
export type RecordBytes = Buffer | null | UndecodableError;

/** Which of the keys, counted from 1, GET refuses with WRONGTYPE. */
const otherTypes = redisScript(`
local found = {}
for i, key in ipairs(KEYS) do
  local stands = redis.pcall('GET', key)
  if type(stands) == 'table' and stands.err then
    if stands.err:sub(1, 9) ~= 'WRONGTYPE' then return stands end
    found[#found + 1] = i
  end
end
return found`);

/**
 * What stands under these names, at one moment. MGET answers nil for a list, a set or a hash as well, which a write would replace; GET refuses it, and a script
 * asks it for whatever seems to be missing. The first command is sent during the call.
 *
 * @returns `undefined`: a reply to another command. @throws RedisServerError, StoreUnavailableError
 */
export async function recordBytes(
  names: readonly string[],
  connection: RedisConnection,
): Promise<readonly RecordBytes[] | undefined> {
  const [only] = names;
  if (only !== undefined && names.length === 1) {
    const found = await connection.ask(['GET', only]).catch((error: unknown) => {
      if (error instanceof RedisServerError && error.code === 'WRONGTYPE') return noRecord(only);
      throw error;
    });
    return isRecordBytes(found) ? [found] : undefined;
  }
  const found = itemsOf(await connection.ask(['MGET', ...names]));
  if (found?.length !== names.length || !found.every(isRecordBytes)) return undefined;
  const missing = names.filter((_, index) => found[index] === null);
  if (missing.length === 0) return found;
  const others = itemsOf(await askScript(connection, otherTypes, [String(missing.length), ...missing]));
  if (!others?.every((index) => typeof index === 'number' && index >= 1 && index <= missing.length)) return undefined;
  const otherNames = new Set(others.map((index) => missing[Number(index) - 1]));
  return found.map((bytes, index) => {
    const name = names[index] as string;
    return bytes === null && otherNames.has(name) ? noRecord(name) : bytes;
  });
}

function noRecord(name: string): UndecodableError {
  return new UndecodableError(`${name}: no record, but a list, a set or the like (WRONGTYPE). Remove or rename it.`);
}

function isRecordBytes(reply: RedisReply | UndecodableError): reply is RecordBytes {
  return reply === null || Buffer.isBuffer(reply) || reply instanceof UndecodableError;
}

/** @throws the error among them. */
export function assertRecords(found: readonly RecordBytes[]): asserts found is readonly (Buffer | null)[] {
  const other = found.find((bytes) => bytes instanceof UndecodableError);
  if (other) throw other;
}
