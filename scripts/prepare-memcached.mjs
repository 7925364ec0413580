// Installs memcached from the system's packages when it is missing. The tests start and stop their own servers.
import { pathToFileURL } from 'node:url';
import { main, outputOf } from './commands.mjs';
import { installPackage } from './install-package.mjs';

const minimum = [1, 6, 18];

/** The version of the memcached on the PATH, such as `1.6.18`; undefined when there is none. */
export const memcachedVersion = () => /memcached (\d+\.\d+\.\d+)/.exec(outputOf('memcached', ['-V']) ?? '')?.[1];

const isRecentEnough = (version) => {
  const parts = version.split('.').map(Number);
  const differing = parts.findIndex((part, index) => part !== minimum[index]);
  return differing === -1 || parts[differing] > minimum[differing];
};

/** Never rejects: where no server can be had, the tests that need one fail by name. */
export async function prepareMemcached() {
  const problem = memcachedVersion() === undefined ? await installPackage('memcached') : undefined;
  const version = memcachedVersion();
  if (version === undefined) console.error(`memcached: missing, the tests that need it will fail. ${problem}`);
  else if (isRecentEnough(version)) console.log(`memcached: ${version}`);
  else console.error(`memcached: ${version} is older than ${minimum.join('.')}, the tests that need it will fail.`);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await main(async () => {
    await prepareMemcached();
    return 0;
  });
}
