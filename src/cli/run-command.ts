import { readFileSync } from 'node:fs';
import { types } from 'node:util';
import { InvalidKeyError, InvalidOptionError, TieredCacheError } from '../value/errors.js';
import { nearestOf } from './arguments.js';
import type { Command, Output } from './command.js';
import { UsageError } from './usage-error.js';
import { help, helpOf } from './help.js';
import { clearCommand, deleteCommand, invalidateTagsCommand } from './commands/change-commands.js';
import { keysCommand } from './commands/keys-command.js';
import { listCommand } from './commands/list-command.js';
import { explainCommand, getCommand, statsCommand } from './commands/look-commands.js';
import { backupCommand, restoreCommand, verifyCommand } from './commands/redis-commands.js';
import { safeText } from '../value/safe-text.js';

const commands: Readonly<Record<string, Command>> = {
  stats: statsCommand,
  list: listCommand,
  get: getCommand,
  explain: explainCommand,
  delete: deleteCommand,
  'invalidate-tags': invalidateTagsCommand,
  clear: clearCommand,
  keys: keysCommand,
  backup: backupCommand,
  verify: verifyCommand,
  restore: restoreCommand,
};

/** 0: done; 1: not found, not current, not acknowledged, damaged, nothing changed; 2: the arguments or the configuration are off. */
export async function runCommand([name, ...args]: readonly string[], output: Output): Promise<number> {
  const safe: Output = { out: (text) => output.out(safeText(text)), err: (text) => output.err(safeText(text)) };
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    safe.out(help(commands));
    return name === undefined ? 2 : 0;
  }
  if (name === '--version' || name === '-v') {
    safe.out(`${ownVersion()}\n`);
    return 0;
  }
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command && isForHelp(args)) {
    safe.out(helpOf(command));
    return 0;
  }
  try {
    if (!command) throw new UsageError(noCommand(name.slice(0, 40)));
    return await command.run(args, safe);
  } catch (error) {
    if (isOfSystem(error)) {
      safe.err(`tiered-cache: ${error.message}\n`);
      return 1;
    }
    if (!(error instanceof UsageError) && !(error instanceof TieredCacheError)) throw error;
    const seeHelp = error instanceof UsageError ? ` See 'tiered-cache ${command ? `${name} ` : ''}--help'.` : '';
    safe.err(`tiered-cache: ${error.message}${seeHelp && !error.message.endsWith('?') ? '.' : ''}${seeHelp}\n`);
    return isOfUsage(error) ? 2 : 1;
  }
}

function noCommand(written: string): string {
  const meant = nearestOf(written, Object.keys(commands));
  return `there is no command '${written}'${meant === undefined ? '' : `. Did you mean ${meant}?`}`;
}

/** Whether other arguments or another configuration would do. Else the store, or a backup, is not what the command needs. */
function isOfUsage(error: UsageError | TieredCacheError): boolean {
  return error instanceof UsageError || error instanceof InvalidKeyError || error instanceof InvalidOptionError;
}

/** No such folder, no room, no right: what the system says is enough. */
function isOfSystem(error: unknown): error is Error {
  return types.isNativeError(error) && 'syscall' in error && !(error instanceof TieredCacheError);
}

/** Behind `--` everything is an argument. */
function isForHelp(args: readonly string[]): boolean {
  const end = args.indexOf('--');
  const options = end < 0 ? args : args.slice(0, end);
  return options.includes('--help') || options.includes('-h');
}

function ownVersion(): string {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}
