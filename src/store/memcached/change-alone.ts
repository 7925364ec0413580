import type { Command, Reply } from './conversation.js';
import { exchange } from './exchange.js';
import type { MetaConnection } from './meta-connection.js';

/** Nothing is named: nothing needs to be done twice. */
export async function changeAlone(
  connection: MetaConnection,
  changes: readonly Command[],
  watch: Command,
): Promise<{ replies: readonly Reply[]; watched: Reply | undefined; inParts: false }> {
  const replies = await exchange(connection, [...changes, watch]);
  return { replies: replies.slice(0, -1), watched: replies.at(-1), inParts: false };
}
