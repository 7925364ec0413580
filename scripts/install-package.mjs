import { existsSync } from 'node:fs';
import { outputOf, runQuietly } from './commands.mjs';

async function asRoot(command, args) {
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  return process.getuid?.() === 0
    ? runQuietly(command, args, { env })
    : runQuietly('sudo', ['-n', 'env', 'DEBIAN_FRONTEND=noninteractive', command, ...args]);
}

/** The package starts a server on its usual port and at every boot; nobody asked for that one. */
async function stopPackagedService(name) {
  if (existsSync('/run/systemd/system')) await asRoot('systemctl', ['disable', '--now', name]);
  else if (existsSync(`/etc/init.d/${name}`)) await asRoot(`/etc/init.d/${name}`, ['stop']);
}

/** Installs a server of the system's packages, and stops the service that it starts. Resolves to what is wrong if the server is still missing. */
export async function installPackage(name) {
  if (outputOf('apt-get') === undefined) return `this system has no apt-get: install ${name} by hand`;
  if (process.getuid?.() !== 0 && outputOf('sudo') === undefined) {
    return `neither root nor sudo: run \`apt-get install ${name}\` as root`;
  }
  console.log(`${name}: installing it with apt-get`);
  const update = await asRoot('apt-get', ['update']);
  const installed = await asRoot('apt-get', ['install', '-y', '--no-install-recommends', name]);
  if (installed.code !== 0) return `apt-get install ${name} failed:\n${update.output}${installed.output}`.trim();
  await stopPackagedService(name);
  return `apt-get installed it, but there is no \`${name}\` on the PATH`;
}
