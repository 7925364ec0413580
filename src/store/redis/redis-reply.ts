import type { RedisReply } from './driver/redis-driver.js';

/** A simple or bulk string as text; `undefined` for any other reply. */
export function textOf(reply: RedisReply | undefined): string | undefined {
  if (typeof reply === 'string') return reply;
  return Buffer.isBuffer(reply) ? reply.toString('utf8') : undefined;
}

/** Whether this is the `OK` of a command that has nothing else to say. */
export function isOk(reply: RedisReply | undefined): boolean {
  return reply === 'OK' || (Buffer.isBuffer(reply) && reply.length === 2 && reply[0] === 0x4f && reply[1] === 0x4b);
}

/** The items of an array reply; `undefined` for any other reply. */
export function itemsOf(reply: RedisReply | undefined): readonly RedisReply[] | undefined {
  return Array.isArray(reply) ? (reply as readonly RedisReply[]) : undefined;
}
