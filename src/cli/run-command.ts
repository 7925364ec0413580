import { TieredCacheError } from '../value/errors.js';
import type { Command, Output } from './command.js';
import { UsageError } from './usage-error.js';
import { help } from './help.js';
import { keysCommand } from './commands/keys-command.js';
import { clearCommand, deleteCommand, explainCommand, getCommand, statsCommand } from './commands/store-commands.js';

const commands: Readonly<Record<string, Command>> = {
  keys: keysCommand,
  stats: statsCommand,
  get: getCommand,
  explain: explainCommand,
  delete: deleteCommand,
  clear: clearCommand,
};

/** 0: done; 1: not found, not current, not acknowledged; 2: the arguments or the configuration are off. */
export async function runCommand([name, ...args]: readonly string[], output: Output): Promise<number> {
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    output.out(help);
    return name === undefined ? 2 : 0;
  }
  if (args.includes('--help') || args.includes('-h')) {
    output.out(help);
    return 0;
  }
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  try {
    if (!command) throw new UsageError(`there is no command '${name.slice(0, 40)}'`);
    return await command(args, output);
  } catch (error) {
    if (!(error instanceof UsageError) && !(error instanceof TieredCacheError)) throw error;
    output.err(`tiered-cache: ${error.message}${error instanceof UsageError ? ". See 'tiered-cache --help'." : ''}\n`);
    return 2;
  }
}
