import { existsSync } from 'node:fs';

const setpriv = '/usr/bin/setpriv';

/**
 * The command, run so that the kernel kills it when this process ends, however it ends: a test runner that is killed, or kills its own
 * worker, leaves nothing behind. Where `setpriv` (util-linux) is missing, the command as it is.
 */
export function dyingWithParent(command: string, args: readonly string[]): [command: string, args: string[]] {
  return existsSync(setpriv) ? [setpriv, ['--pdeathsig', 'KILL', command, ...args]] : [command, [...args]];
}
