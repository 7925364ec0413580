// Installs redis-server from the system's packages when it is missing. The tests start and stop their own servers.
import { pathToFileURL } from 'node:url';
import { main, outputOf } from './commands.mjs';
import { installPackage } from './install-package.mjs';

const minimum = 7;

/** The version of the redis-server on the PATH, such as `7.0.15`; undefined when there is none. */
export const redisVersion = () => /v=(\d+\.\d+\.\d+)/.exec(outputOf('redis-server', ['--version']) ?? '')?.[1];

/** Never rejects: where no server can be had, the tests that need one fail by name. */
export async function prepareRedis() {
  const problem = redisVersion() === undefined ? await installPackage('redis-server') : undefined;
  const version = redisVersion();
  if (version === undefined) console.error(`redis: missing, the tests that need it will fail. ${problem}`);
  else if (Number.parseInt(version, 10) >= minimum) console.log(`redis: ${version}`);
  else console.error(`redis: ${version} is older than ${minimum}.0, the tests that need it will fail.`);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await main(async () => {
    await prepareRedis();
    return 0;
  });
}
