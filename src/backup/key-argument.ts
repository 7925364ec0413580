import { isAscii } from 'node:buffer';
import type { RedisArgument } from '../store/redis/driver/redis-driver.js';

/** A key as an argument. Clients write an argument that is a text together with its neighbours, and each Buffer by itself, which takes them three times as long. */
export function keyArgument(key: Buffer): RedisArgument {
  return isAscii(key) ? key.toString('latin1') : key;
}
