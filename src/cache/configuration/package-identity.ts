import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { InvalidOptionError } from '../../value/errors.js';
import { mainScript } from '../../value/main-script.js';
import { namesPackages } from './pnpm-workspace.js';

/** Who the application is, as far as its files say. */
export interface PackageIdentity {
  /** The package's name; of a workspace's root with the main script's folder behind it, which tells its applications apart. */
  readonly name?: string;
  readonly version?: string;
  /** The package.json that says so. */
  readonly file?: string;
  /** Why there is no name, where a package.json has one. */
  readonly nameless?: string;
}

interface Manifest {
  readonly name?: string;
  readonly version?: string;
  readonly isWorkspace: boolean;
  readonly file: string;
}

/**
 * Name and version of the application: of the package.json nearest to the main script, else to the working directory. A main script in
 * `node_modules` is a tool that runs the application, not the application; so is the worker of Azure Functions.
 *
 * A package.json at the root of a workspace stands for several applications. The main script's folder, relative to it, joins the name then; and
 * where a tool hides which application runs, there is no name at all, but in tests, which share nothing.
 */
export function findPackageIdentity(
  argument = process.argv[1],
  workingDirectory = process.cwd(),
  isTest = process.env['NODE_ENV'] === 'test',
  ofPm2 = process.env['pm_exec_path'],
): PackageIdentity {
  const script = mainScript(argument, ofPm2);
  const isTool = script?.includes(`${sep}node_modules${sep}`) ?? true;
  const folder = script !== undefined && !isTool ? dirname(script) : undefined;
  const nearScript = folder === undefined ? undefined : applicationNear(folder);
  const found = nearScript ?? nearest(workingDirectory);
  if (!found) return {};
  const { name, version, isWorkspace, file } = found;
  const inside = nearScript && folder !== undefined ? relative(dirname(file), folder).split(sep).join('/') : undefined;
  const facts = { ...(version !== undefined && { version }), file };
  if (name === undefined) return facts;
  if (inside === undefined) {
    return isWorkspace && !isTest
      ? { ...facts, nameless: `${file} is the root of a workspace, and a tool runs one of its applications` }
      : { ...facts, name };
  }
  const isOneOfSeveral = isWorkspace || nestsOwnLayout.test(inside);
  return { ...facts, name: isOneOfSeveral && inside !== '' ? `${name}:${inside}` : name };
}

/** @throws InvalidOptionError that says what is missing, and asks for it or for the option. */
export function requireIdentity(
  option: 'namespace' | 'packageVersion',
  value: unknown,
  { file, nameless }: PackageIdentity = {},
): string {
  if (typeof value === 'string' && value.length > 0) return value;
  if (value === '') {
    throw new InvalidOptionError(option, 'it is empty', 'Give a text, or leave it out for what package.json says.');
  }
  if (value !== undefined && value !== null) {
    throw new InvalidOptionError(option, `a value of type ${typeof value} is no text`, 'Give a string.');
  }
  const [lacks, has] = option === 'namespace' ? ['name', 'version'] : ['version', 'name'];
  const remedy = `Give the option ${option} to TieredCacheModule.forRoot().`;
  if (option === 'namespace' && nameless !== undefined) throw new InvalidOptionError(option, nameless, remedy);
  if (file !== undefined) {
    throw new InvalidOptionError(option, `${file} has a ${has} and no ${lacks}`, `Add one there. Or: ${remedy}`);
  }
  const problem = `no package.json with a ${lacks} was found near the main script or the working directory`;
  throw new InvalidOptionError(option, problem, remedy);
}

/** `apps/shop` in an image that took the built applications along, and not the file that says that there are several. */
const nestsOwnLayout = /(^|\/)apps\/[^/]+/;

function applicationNear(folder: string): Manifest | undefined {
  const found = nearest(folder);
  return found?.name === 'azure-functions-nodejs-worker' ? undefined : found;
}

/** A package.json that has neither, such as one that only says `"type"`, is nobody's. */
function nearest(directory: string): Manifest | undefined {
  for (let folder = directory; ; folder = dirname(folder)) {
    const found = manifestIn(folder);
    if (found?.version !== undefined || found?.name !== undefined) return found;
    if (folder === dirname(folder)) return undefined;
  }
}

function manifestIn(folder: string): Manifest | undefined {
  const file = join(folder, 'package.json');
  const manifest = readJson(file);
  if (!manifest) return undefined;
  const { name, version } = manifest;
  return {
    ...(typeof name === 'string' && name !== '' && { name }),
    ...(typeof version === 'string' && version !== '' && { version }),
    isWorkspace: hasAny(manifest['workspaces']) || saysSeveral(folder),
    file,
  };
}

/** @param workspaces patterns, or `{ packages }` of Yarn. */
function hasAny(workspaces: unknown): boolean {
  if (typeof workspaces !== 'object' || workspaces === null) return false;
  return Array.isArray(workspaces) ? workspaces.length > 0 : hasAny((workspaces as { packages?: unknown }).packages);
}

const filesOfWorkspaces = ['lerna.json', 'nx.json', 'rush.json'];

function saysSeveral(folder: string): boolean {
  if (filesOfWorkspaces.some((file) => existsSync(join(folder, file)))) return true;
  if (namesPackages(readText(join(folder, 'pnpm-workspace.yaml')) ?? '')) return true;
  return readJson(join(folder, 'nest-cli.json'))?.['monorepo'] === true;
}

function readJson(file: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const content: unknown = JSON.parse(readText(file) ?? '');
    return typeof content === 'object' && content !== null ? (content as Record<string, unknown>) : undefined;
  } catch {
    return undefined; // absent or unreadable: the next folder up may have one
  }
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
