import { randomBytes } from 'node:crypto';
import { codeOf } from './conversation.js';
import { exchange } from './exchange.js';
import type { MetaConnection } from './meta-connection.js';

const probeSeconds = 10;

/**
 * Whether two connections lead to one server, or to one fleet behind proxies: what is written over one of them can be read over the other. Also true
 * where that can't be told: a server without room takes nothing, and a connection may end.
 */
export async function isSameServer(one: MetaConnection, other: MetaConnection): Promise<boolean> {
  const key = `~probe:${randomBytes(12).toString('base64url')}`;
  try {
    const [written] = await exchange(one, [{ line: `ms ${key} 1 T${probeSeconds}`, body: Buffer.from('1') }]);
    if (codeOf(written) !== 'HD') return true;
    const [found] = await exchange(other, [{ line: `mg ${key}` }]);
    await exchange(one, [{ line: `md ${key}` }]);
    return codeOf(found) !== 'EN';
  } catch {
    return true;
  }
}
