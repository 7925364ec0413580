import { readFileSync } from 'node:fs';
import { dirname, join, resolve, sep } from 'node:path';
import { InvalidOptionError } from '../../value/errors.js';

export interface PackageIdentity {
  readonly name: string;
  readonly version: string;
}

/**
 * Name and version of the application: of the package.json nearest to the main script, else to the working directory. A main script in
 * `node_modules` is a tool that runs the application, not the application.
 */
export function findPackageIdentity(
  mainScript = process.argv[1],
  workingDirectory = process.cwd(),
): Partial<PackageIdentity> {
  const isTool = mainScript?.includes(`${sep}node_modules${sep}`) ?? true;
  const fromScript = mainScript && !isTool ? nearest(dirname(resolve(mainScript))) : undefined;
  return fromScript ?? nearest(workingDirectory) ?? {};
}

/** @throws InvalidOptionError that asks for the option. */
export function requireIdentity(option: 'namespace' | 'packageVersion', value: string | undefined): string {
  if (value !== undefined && value.length > 0) return value;
  const field = option === 'namespace' ? 'name' : 'version';
  throw new InvalidOptionError(
    option,
    `no package.json with a ${field} was found near the main script or the working directory`,
    `Give the option ${option} to TieredCacheModule.forRoot().`,
  );
}

function nearest(directory: string): Partial<PackageIdentity> | undefined {
  for (let folder = directory; ; folder = dirname(folder)) {
    const found = read(join(folder, 'package.json'));
    if (found?.version) return found;
    if (folder === dirname(folder)) return undefined;
  }
}

function read(file: string): Partial<PackageIdentity> | undefined {
  try {
    const { name, version } = JSON.parse(readFileSync(file, 'utf8')) as Partial<PackageIdentity>;
    return { ...(typeof name === 'string' && { name }), ...(typeof version === 'string' && { version }) };
  } catch {
    return undefined; // absent or unreadable: the next folder up may have one
  }
}
