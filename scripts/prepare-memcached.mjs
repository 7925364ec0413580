// Installs memcached from the system's packages when it is missing. The tests start and stop their own servers.
import { existsSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { main, outputOf, runQuietly } from './commands.mjs';

const minimum = [1, 6, 18];

/** The version of the memcached on the PATH, such as `1.6.18`; undefined when there is none. */
export const memcachedVersion = () => /memcached (\d+\.\d+\.\d+)/.exec(outputOf('memcached', ['-V']) ?? '')?.[1];

const isRecentEnough = (version) => {
  const parts = version.split('.').map(Number);
  const differing = parts.findIndex((part, index) => part !== minimum[index]);
  return differing === -1 || parts[differing] > minimum[differing];
};

async function asRoot(command, args) {
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  return process.getuid?.() === 0
    ? runQuietly(command, args, { env })
    : runQuietly('sudo', ['-n', 'env', 'DEBIAN_FRONTEND=noninteractive', command, ...args]);
}

/** The package starts a server on port 11211 and at every boot; nobody asked for that one. */
async function stopPackagedService() {
  if (existsSync('/run/systemd/system')) await asRoot('systemctl', ['disable', '--now', 'memcached']);
  else if (existsSync('/etc/init.d/memcached')) await asRoot('/etc/init.d/memcached', ['stop']);
}

async function install() {
  if (outputOf('apt-get') === undefined) return 'this system has no apt-get: install memcached by hand';
  if (process.getuid?.() !== 0 && outputOf('sudo') === undefined) {
    return 'neither root nor sudo: run `apt-get install memcached` as root';
  }
  console.log('memcached: installing it with apt-get');
  const update = await asRoot('apt-get', ['update']);
  const installed = await asRoot('apt-get', ['install', '-y', '--no-install-recommends', 'memcached']);
  if (installed.code !== 0) return `apt-get install memcached failed:\n${update.output}${installed.output}`.trim();
  await stopPackagedService();
  return 'apt-get installed it, but there is no `memcached` on the PATH';
}

/** Never rejects: where no server can be had, the tests that need one fail by name. */
export async function prepareMemcached() {
  const problem = memcachedVersion() === undefined ? await install() : undefined;
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
