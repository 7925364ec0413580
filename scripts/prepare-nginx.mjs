// Installs nginx from the system's packages when it is missing: the shared cache that tests put in front. They start and stop their own.
import { pathToFileURL } from 'node:url';
import { main, outputOf } from './commands.mjs';
import { installPackage } from './install-package.mjs';

/** Systems keep it where not everybody looks for programs. */
const paths = ['nginx', '/usr/sbin/nginx'];

/** How it is started; undefined when there is none. It says its version on the error output, so one that starts is enough. */
export const nginxPath = () => paths.find((path) => outputOf(path, ['-v']) !== undefined);

/** Never rejects: where it can't be had, the tests that need it fail by name. */
export async function prepareNginx() {
  const problem = nginxPath() === undefined ? await installPackage('nginx') : undefined;
  const path = nginxPath();
  if (path === undefined) console.error(`nginx: missing, the tests that need it will fail. ${problem}`);
  else console.log(`nginx: ${path}`);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await main(async () => {
    await prepareNginx();
    return 0;
  });
}
