// Installs libfaketime from the system's packages when it is missing: it gives a process a wall clock of its own.
import { pathToFileURL } from 'node:url';
import { main, outputOf } from './commands.mjs';
import { installPackage } from './install-package.mjs';

/** Never rejects: where it can't be had, the tests that need it fail by name. */
export async function prepareFaketime() {
  const problem = outputOf('faketime', ['--version']) === undefined ? await installPackage('faketime') : undefined;
  const version = outputOf('faketime', ['--version']);
  if (version === undefined) console.error(`faketime: missing, the tests that need it will fail. ${problem}`);
  else console.log(`faketime: ${version.trim().split('\n')[0]}`);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await main(async () => {
    await prepareFaketime();
    return 0;
  });
}
