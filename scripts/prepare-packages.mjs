// Installs the npm packages of package-lock.json when they are missing or not the ones it names.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Remedy, main, root, run } from './commands.mjs';

const packagesOf = (file) => {
  try {
    return JSON.parse(readFileSync(join(root, file), 'utf8')).packages ?? {};
  } catch {
    return undefined;
  }
};

/**
 * The packages of the lock file that are not installed as it has them. npm writes its own record of a finished installation to
 * node_modules/.package-lock.json, so an interrupted one counts as missing; packages for other platforms are `optional`.
 */
export function outdatedPackages() {
  const wanted = packagesOf('package-lock.json');
  if (wanted === undefined)
    throw new Remedy('package-lock.json is missing or damaged: restore it from the repository.');
  const installed = packagesOf('node_modules/.package-lock.json') ?? {};
  return Object.entries(wanted)
    .filter(([path, { optional, devOptional }]) => path !== '' && optional !== true && devOptional !== true)
    .filter(([path, { version }]) => installed[path]?.version !== version)
    .map(([path]) => path.replace(/^.*node_modules\//, ''));
}

const nodeRange = () => JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).engines.node;

/** Reads what `engines` of package.json is made of: `^20.19.0 || >=22.12.0`. */
export function isNodeWanted(version) {
  const [major, minor, patch] = version.split('.').map((part) => Number.parseInt(part, 10));
  return nodeRange()
    .split(' || ')
    .some((alternative) => {
      const [leastMajor, leastMinor, leastPatch] = alternative
        .replace(/^(\^|>=)/, '')
        .split('.')
        .map(Number);
      if (major !== leastMajor) return major > leastMajor && alternative.startsWith('>=');
      return minor > leastMinor || (minor === leastMinor && patch >= leastPatch);
    });
}

function checkNode() {
  const { node } = process.versions;
  if (!isNodeWanted(node)) throw new Remedy(`Node ${node} is not supported: ${nodeRange()} is needed.`);
}

export async function preparePackages() {
  checkNode();
  const outdated = outdatedPackages();
  if (outdated.length === 0) return;
  console.log(`packages: installing (${outdated.length} missing or outdated, such as ${outdated[0]})`);
  if ((await run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'])) !== 0) {
    throw new Remedy('npm ci failed (see above): is the npm registry reachable, and package-lock.json unchanged?');
  }
  const left = outdatedPackages();
  if (left.length > 0) throw new Remedy(`npm ci left packages out: ${left.join(', ')}.`);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await main(async () => {
    await preparePackages();
    return 0;
  });
}
