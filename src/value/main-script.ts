import { statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';

/** PM2 runs an application from a script of its own. What the application starts inherits the variable that names the application, and has a main script of its own. */
const containerOfPm2 = /[/\\]pm2[/\\]lib[/\\]ProcessContainer[^/\\]*$/;

/**
 * The file that the process was started with, also where a folder was named, as by `node .`, and under PM2. undefined: there is none.
 *
 * @param argument what Node was given.
 * @param ofPm2 what PM2 was given.
 */
export function mainScript(argument = process.argv[1], ofPm2 = process.env['pm_exec_path']): string | undefined {
  const named = argument !== undefined && containerOfPm2.test(argument) ? (ofPm2 ?? argument) : argument;
  if (named === undefined) return undefined;
  const path = resolve(named);
  return isFolder(path) ? scriptOf(path) : path;
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false; // absent, such as a file that is named without its ending
  }
}

/** A script beside the folder, of its name, comes first, as it does for Node. */
function scriptOf(folder: string): string {
  const inside = join(folder, 'index.js');
  try {
    return createRequire(inside).resolve(folder);
  } catch {
    return inside;
  }
}
