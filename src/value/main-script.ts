import { existsSync, readFileSync, statSync } from 'node:fs';
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

/** As Node finds it: a script of the folder's name beside it comes first. `createRequire` would find it too, but not in a bundle of webpack. */
function scriptOf(folder: string): string {
  if (existsSync(`${folder}.js`)) return `${folder}.js`;
  const main = join(folder, mainOf(folder) ?? 'index.js');
  return isFolder(main) ? join(main, 'index.js') : main;
}

function mainOf(folder: string): string | undefined {
  try {
    const { main } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { readonly main?: unknown };
    return typeof main === 'string' ? main : undefined;
  } catch {
    return undefined;
  }
}
