// Builds the library and, when asked, the reference service on top of it.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Remedy, root, runQuietly, seconds } from './commands.mjs';

async function step(name, script) {
  const startedAt = performance.now();
  const { code, output } = await runQuietly('npm', ['run', '--silent', script]);
  if (code !== 0) throw new Remedy(`${name} does not build:\n${output.trimEnd()}`);
  console.log(`built ${name} (${seconds(startedAt)})`);
}

export async function runBuild({ example = false, fileService = false } = {}) {
  await step('nestjs-tiered-cache', 'build');
  if (example) await step('examples/enterprise-access', 'build:example');
  if (fileService) await step('examples/file-service', 'build:file-service:alone');
}

/** The file of the built reference service that is run, such as `start` or `demo`. */
export function exampleProgram(name) {
  const file = join('examples/enterprise-access/dist', `${name}.js`);
  if (!existsSync(join(root, file))) throw new Remedy(`The build left no ${file}.`);
  return file;
}
