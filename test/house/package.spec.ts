import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import ts from 'typescript';
import { linksOf } from './document-links.js';
import { assertBuilt, entries, packageJson, root, runToEnd, textOf } from './repository.js';

const subpaths = [
  'nestjs-tiered-cache',
  'nestjs-tiered-cache/disk',
  'nestjs-tiered-cache/memcached',
  'nestjs-tiered-cache/redis',
  'nestjs-tiered-cache/s3',
  'nestjs-tiered-cache/files',
  'nestjs-tiered-cache/testing',
  'nestjs-tiered-cache/testing/simulation',
  'nestjs-tiered-cache/keyv',
  'nestjs-tiered-cache/cache-manager',
  'nestjs-tiered-cache/nestjs-cls',
  'nestjs-tiered-cache/cls-hooked',
  'nestjs-tiered-cache/terminus',
  'nestjs-tiered-cache/prom-client',
  'nestjs-tiered-cache/opentelemetry',
];

/** What a user's machine holds besides the package: its dependencies and the peers that are not optional. */
const installed = [
  ...Object.keys(packageJson.dependencies),
  ...Object.keys(packageJson.peerDependencies).filter((name) => !packageJson.peerDependenciesMeta[name]?.optional),
];
const optionalPeers = Object.keys(packageJson.peerDependenciesMeta);
const fewNames = (entry: string) =>
  `import(${JSON.stringify(entry)}).then((m) => console.log(Object.keys(m).length > 0 ? 'has exports' : 'is empty'))`;

describe('The package', () => {
  let project: string;
  let packed: string[];

  beforeAll(() => {
    project = mkdtempSync(join(tmpdir(), 'consumer-'));
    assertBuilt();
    const { stdout } = runToEnd('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', project]);
    const [tarball] = Object.values(JSON.parse(stdout) as { filename: string; files: { path: string }[] }[]);
    if (tarball === undefined) throw new Error(stdout);
    packed = tarball.files.map(({ path }) => path).sort();
    runToEnd('tar', ['-xzf', tarball.filename], { cwd: project });
    install(packageJson.name, join(project, 'package'));
    for (const name of [...installed, '@types/node', 'undici-types']) link(name);
    writeFileSync(join(project, 'package.json'), '{ "name": "consumer", "version": "1.0.0", "type": "module" }');
  });

  afterAll(() => rmSync(project, { recursive: true, force: true }));

  function install(name: string, from: string): void {
    const to = join(project, 'node_modules', name);
    mkdirSync(dirname(to), { recursive: true });
    renameSync(from, to);
  }

  function link(name: string): void {
    const to = join(project, 'node_modules', name);
    mkdirSync(dirname(to), { recursive: true });
    symlinkSync(join(root, 'node_modules', name), to);
  }

  it('has the entries that stand here, and no other', () => {
    expect(entries).toEqual(subpaths);
  });

  it('is importable by each of its names from the project it is built in', () => {
    // Each process would load Nest once more: one of them imports all.
    const counted = [
      `const names = ${JSON.stringify(subpaths)};`,
      'const counts = [];',
      'for (const name of names) counts.push(Object.keys(await import(name)).length > 0);',
      'console.log(JSON.stringify(counts));',
    ].join('\n');
    const { code, stdout, stderr } = runToEnd(process.execPath, ['--input-type=module', '-e', counted]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout)).toEqual(subpaths.map(() => true));
  });

  it('holds what users need and nothing else', () => {
    const rest = packed.filter((path) => !/^dist\/.+\.(js|d\.c?ts)$|^docs\/.+\.md$/.test(path));
    const pages = ['CHANGELOG.md', 'CONTRIBUTING.md', 'LICENSE', 'README.md', 'SECURITY.md'];
    expect(rest).toEqual([...pages, 'package.json']);
    expect(packed.filter((path) => /\.spec\.|fixture|negative/.test(path))).toEqual([]);
  });

  it('holds the pages that its pages lead to, apart from those of examples and scripts, which only the repository has', () => {
    const links = packed.filter((path) => path.endsWith('.md')).flatMap((page) => linksOf(page, textOf(page)));
    expect(links.length).toBeGreaterThan(20);
    const held = (target: string): boolean => packed.includes(target) || /^(examples|scripts)\//.test(target);
    expect(links.filter(({ target }) => !held(target))).toEqual([]);
  });

  it('runs nothing when it is installed, and can be published from anywhere', () => {
    const { scripts, publishConfig } = JSON.parse(textOf('package.json')) as {
      scripts: Record<string, string>;
      publishConfig: unknown;
    };
    expect(Object.keys(scripts).filter((name) => /^(pre|post)?(install|prepare)$/.test(name))).toEqual([]);
    // Provenance is refused where no `repository` says whose build it is.
    expect(publishConfig).toEqual({ access: 'public' });
    expect(Object.keys(packageJson.dependencies)).toEqual(['@types/ms', 'lru-cache', 'ms']);
  });

  it('holds every file that its package.json names', () => {
    const named = [
      ...Object.values(packageJson.exports).flatMap((target) =>
        typeof target === 'string'
          ? [target]
          : [target.import, target.require].flatMap((one) => [one.types, one.default]),
      ),
      ...Object.values(packageJson.bin ?? {}),
    ].map((path) => path.replace('./', ''));
    expect(named.filter((path) => !packed.includes(path))).toEqual([]);
  });

  it('declares every entry for import, for require, and for resolutions that know no exports', () => {
    const { exports, main, types, typesVersions } = packageJson;
    const declared = (name: string) => ({
      import: { types: `./dist/${name}.d.ts`, default: `./dist/${name}.js` },
      require: { types: `./dist/${name}.d.cts`, default: `./dist/${name}.js` },
    });
    const names = subpaths.slice(1).map((entry) => entry.slice(packageJson.name.length + 1));
    expect(exports).toEqual({
      '.': declared('index'),
      ...Object.fromEntries(names.map((name) => [`./${name}`, declared(name)])),
      './package.json': './package.json',
    });
    expect([main, types]).toEqual(['./dist/index.js', './dist/index.d.ts']);
    expect(typesVersions).toEqual({ '*': Object.fromEntries(names.map((name) => [name, [`./dist/${name}.d.ts`]])) });
  });

  it.each(['nestjs-tiered-cache', 'nestjs-tiered-cache/testing'])(
    'once installed, %s loads without the optional peers, with import and with require',
    (entry) => {
      for (const name of optionalPeers) expect(existsSync(join(project, 'node_modules', name))).toBe(false);
      const imported = runToEnd(process.execPath, ['-e', fewNames(entry)], { cwd: project });
      expect(imported).toEqual({ code: 0, stdout: 'has exports\n', stderr: '' });
      const required = runToEnd(process.execPath, ['-p', `typeof require(${JSON.stringify(entry)})`], { cwd: project });
      expect(required).toMatchObject({ code: 0, stdout: 'object\n' });
    },
  );

  it('once installed, type-checks in a strict project, seen from an ES module and from a CommonJS one', () => {
    expect(complaints(['nestjs-tiered-cache', 'nestjs-tiered-cache/testing'])).toEqual([]);
    for (const name of optionalPeers) link(name);
    // As older projects are set: what the declarations ask for must be there, and found without exports.
    const older = { target: 'es2021', lib: ['es2021'] };
    expect(complaints(subpaths, older)).toEqual([]);
    const commonjs = { module: 'commonjs', moduleResolution: 'node10', ignoreDeprecations: '6.0' };
    expect(complaints(subpaths, { ...older, ...commonjs })).toEqual([]);
  });

  /** What the compiler says of a project that uses these entries, and of the package's own declarations. */
  function complaints(used: readonly string[], settings: object = {}): string[] {
    const use = [
      ...used.map((entry, index) => `import * as entry${index} from '${entry}';`),
      "import { TieredCache, TieredCacheModule } from 'nestjs-tiered-cache';",
      `export const all = [${used.map((_, index) => `entry${index}`).join(', ')}];`,
      'export const wiring = TieredCacheModule.forRoot();',
      "export const read = (cache: TieredCache): Promise<number> => cache.getOrSet('answer', () => 42);",
      '// @ts-expect-error a loader must give what the caller asks for: the types are there',
      "export const wrong = (cache: TieredCache): Promise<string> => cache.getOrSet<string>('answer', () => 42);",
    ].join('\n');
    writeFileSync(join(project, 'esm.ts'), use);
    writeFileSync(join(project, 'commonjs.cts'), use);
    const compilerOptions = {
      module: 'nodenext',
      target: 'es2023',
      strict: true,
      noEmit: true,
      skipLibCheck: false,
      types: ['node'],
      experimentalDecorators: true,
      emitDecoratorMetadata: true,
      ...settings,
    };
    const { options, errors } = ts.convertCompilerOptionsFromJson(compilerOptions, project);
    expect(errors).toEqual([]);
    const program = ts.createProgram(
      ['esm.ts', 'commonjs.cts'].map((file) => join(project, file)),
      options,
    );
    // What other packages' declarations do wrong is not ours to judge, and takes most of the time.
    const ours = program
      .getSourceFiles()
      .filter(({ fileName }) => /consumer-[^/]+\/(esm|commonjs)\.|\/nestjs-tiered-cache\/dist\//.test(fileName));
    const found = [
      ...program.getOptionsDiagnostics(),
      ...ours.flatMap((file) => [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)]),
    ];
    expect(ours.length).toBeGreaterThan(used.length);
    return found.map(
      ({ file, messageText }) => `${file?.fileName}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`,
    );
  }
});

describe('The Node that the package asks for', () => {
  it('can require ES modules, from the first version to the newest', async () => {
    const address = pathToFileURL(join(root, 'scripts/prepare-packages.mjs')).href;
    const { isNodeWanted } = (await import(address)) as { isNodeWanted: (version: string) => boolean };
    const versions = [
      '18.20.8',
      '20.18.3',
      '20.19.0',
      '20.20.2',
      '21.7.3',
      '22.0.0',
      '22.11.0',
      '22.12.0',
      '23.0.0',
      '24.9.0',
    ];
    expect(versions.filter(isNodeWanted)).toEqual(['20.19.0', '20.20.2', '22.12.0', '23.0.0', '24.9.0']);
    expect(isNodeWanted(process.versions.node)).toBe(true);
  });
});
