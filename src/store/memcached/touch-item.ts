import { codeOf } from './conversation.js';
import type { Command, Reply } from './conversation.js';

const maxTries = 4;

/**
 * Gives an item a new life. The number that its writer left with it stays, so that after a longer life the item seems younger than it is, which is safe.
 * After a shorter one it would seem older: it is written once more, without that number.
 *
 * @returns whether it was there; undefined: what was answered is nonsense.
 */
export async function touchItem(
  storeKey: string,
  seconds: number,
  say: (command: Command) => Promise<Reply>,
): Promise<boolean | undefined> {
  // Flags are carried out in their order: `t` tells what was left before.
  const reply = await say({ line: `mg ${storeKey} t f T${seconds}` });
  if (codeOf(reply) === 'EN') return false;
  if (!('code' in reply) || reply.code !== 'HD') return undefined;
  const { clientFlags, secondsLeft } = reply;
  const isShorter = seconds > 0 && secondsLeft !== undefined && seconds < secondsLeft;
  return clientFlags && isShorter ? forgetAge(storeKey, seconds, say) : true;
}

async function forgetAge(
  storeKey: string,
  seconds: number,
  say: (command: Command) => Promise<Reply>,
): Promise<boolean | undefined> {
  for (let tries = 0; tries < maxTries; tries++) {
    const found = await say({ line: `mg ${storeKey} v c` });
    if (codeOf(found) === 'EN') return false;
    if (!('code' in found) || !found.value) return undefined;
    const line = `ms ${storeKey} ${found.value.length} T${seconds} C${found.revision ?? 0}`;
    const written = codeOf(await say({ line, body: found.value }));
    if (written === 'HD') return true;
    if (written === 'NF') return false;
    if (written !== 'EX') return undefined;
  }
  return true;
}
