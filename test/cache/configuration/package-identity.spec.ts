import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { findPackageIdentity, requireIdentity } from '../../../src/cache/configuration/package-identity.js';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'identity-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const put = (files: Readonly<Record<string, object | string>>): void => {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), typeof content === 'string' ? content : JSON.stringify(content));
  }
};
const nameOf = (script: string): string | undefined => findPackageIdentity(join(root, script), root, false).name;
const shop = { name: 'shop', version: '1.0.0' };

describe('The identity of an application', () => {
  it('is its package.json, whichever script of it is the main one', () => {
    put({ 'package.json': shop, 'dist/package.json': { type: 'commonjs' } });
    expect([nameOf('dist/main.js'), nameOf('dist/jobs/worker.js'), nameOf('main.js')]).toEqual([
      'shop',
      'shop',
      'shop',
    ]);
    expect(findPackageIdentity(join(root, 'dist/main.js'), '/').version).toBe('1.0.0');
  });

  it.each<[string, Record<string, object | string>]>([
    ['workspaces in package.json', { 'package.json': { ...shop, workspaces: ['apps/*'] } }],
    ['a pnpm-workspace.yaml', { 'package.json': shop, 'pnpm-workspace.yaml': "packages: ['apps/*']\n" }],
    ['a monorepo of the Nest CLI', { 'package.json': shop, 'nest-cli.json': { monorepo: true } }],
    ['an nx.json', { 'package.json': shop, 'nx.json': {} }],
  ])('is told apart by the main script’s folder where several share one package.json: %s', (_sign, files) => {
    put(files);
    expect([nameOf('dist/orders/main.js'), nameOf('dist/prices/main.js')]).toEqual([
      'shop:dist/orders',
      'shop:dist/prices',
    ]);
    expect(nameOf('main.js')).toBe('shop');
  });

  it.each<[string, string]>([
    ['settings alone', "onlyBuiltDependencies:\n  - lmdb\noverrides:\n  packages: '1'\n"],
    ['no patterns', 'packages: [] # none yet\nautoInstallPeers: true\n'],
    ['no patterns in lines', 'packages:\n# - apps/*\n\nautoInstallPeers: true\n'],
    ['the root alone', "packages:\n- '.' # pnpm 9 asks for one\n"],
  ])('is one where a pnpm-workspace.yaml has %s', (_what, yaml) => {
    put({ 'package.json': shop, 'pnpm-workspace.yaml': yaml });
    expect([nameOf('dist/main.js'), nameOf('dist/jobs/worker.js')]).toEqual(['shop', 'shop']);
  });

  it.each<[string, string]>([
    ['lines', 'autoInstallPeers: true\npackages:\n  # all of them\n\n  - apps/*\n'],
    ['lines without an indent', "packages:\r\n- 'apps/*'\r\n- '!apps/old'\r\n"],
    ['a list of several lines', "packages: [\n  '.',\n  'apps/*',\n]\n"],
    ['quotes', '"packages": ["apps/*"]\n'],
    ['braces', '{ "packages": ["apps/*"] }\n'],
  ])('is told apart by a pnpm-workspace.yaml whose patterns stand in %s', (_what, yaml) => {
    put({ 'package.json': shop, 'pnpm-workspace.yaml': yaml });
    expect([nameOf('dist/orders/main.js'), nameOf('dist/prices/main.js')]).toEqual([
      'shop:dist/orders',
      'shop:dist/prices',
    ]);
  });

  it.each<[string, object]>([
    ['a list', []],
    ['an object', { packages: [], nohoist: [] }],
  ])('is one where its workspaces are none: %s', (_form, workspaces) => {
    put({ 'package.json': { ...shop, workspaces } });
    expect(nameOf('dist/jobs/worker.js')).toBe('shop');
  });

  it('is told apart also in an image that has the built applications alone', () => {
    put({ 'package.json': shop });
    expect([nameOf('dist/apps/orders/main.js'), nameOf('dist/apps/prices/main.js')]).toEqual([
      'shop:dist/apps/orders',
      'shop:dist/apps/prices',
    ]);
  });

  it('is that of the application’s own package.json inside of a workspace', () => {
    put({
      'package.json': { ...shop, workspaces: ['apps/*'] },
      'apps/orders/package.json': { name: '@shop/orders', version: '2.0.0' },
      'apps/prices/package.json': { name: '@shop/prices' },
    });
    expect(findPackageIdentity(join(root, 'apps/orders/dist/main.js'), root)).toMatchObject({
      name: '@shop/orders',
      version: '2.0.0',
    });
    const prices = findPackageIdentity(join(root, 'apps/prices/dist/main.js'), root);
    expect([prices.name, prices.version]).toEqual(['@shop/prices', undefined]);
  });

  it('is unknown where a tool runs one of several, but not in tests', () => {
    put({ 'package.json': { ...shop, workspaces: ['apps/*'] } });
    const tool = join(root, 'node_modules/tool/run.js');
    const identity = findPackageIdentity(tool, root, false);
    expect(identity.name).toBeUndefined();
    expect(() => requireIdentity('namespace', identity.name, identity)).toThrow(
      `namespace: ${join(root, 'package.json')} is the root of a workspace, and a tool runs one of its applications. Give the option namespace to`,
    );
    expect(findPackageIdentity(tool, root, true).name).toBe('shop');
    put({ 'package.json': shop });
    expect(findPackageIdentity(tool, root, false).name).toBe('shop');
  });
});

describe('An application that something else starts', () => {
  beforeEach(() =>
    put({
      'package.json': { ...shop, workspaces: ['apps/*'] },
      'apps/orders/package.json': { name: '@shop/orders', version: '2.0.0', main: 'dist/main.js' },
      'apps/orders/dist/main.js': '',
    }),
  );

  it('is the one that is named by its folder, as in `node .`', () => {
    expect([nameOf('apps/orders'), nameOf('apps/orders/dist/main')]).toEqual(['@shop/orders', '@shop/orders']);
    put({ 'dist/orders/index.js': '', 'dist/empty/none.txt': '' });
    expect([nameOf('dist/orders'), nameOf('dist/empty')]).toEqual(['shop:dist/orders', 'shop:dist/empty']);
  });

  it.each(['ProcessContainer.js', 'ProcessContainerFork.js', 'ProcessContainerForkBun.js'])(
    'is the one that PM2 runs, whatever the working directory: %s',
    (container) => {
      const ofPm2 = join(root, 'node_modules/pm2/lib', container);
      const nameUnderPm2 = (script: string): string | undefined =>
        findPackageIdentity(ofPm2, root, false, join(root, script)).name;
      expect([nameUnderPm2('apps/orders/dist/main.js'), nameUnderPm2('dist/prices/main.js')]).toEqual([
        '@shop/orders',
        'shop:dist/prices',
      ]);
    },
  );

  it('is its own where a process that PM2 runs has started it', () => {
    const script = join(root, 'dist/prices/main.js');
    const { name } = findPackageIdentity(script, root, false, join(root, 'apps/orders/dist/main.js'));
    expect(name).toBe('shop:dist/prices');
  });

  it('is that of the working directory under the worker of Azure Functions', () => {
    put({ 'host/package.json': { name: 'azure-functions-nodejs-worker', version: '3.10.1' } });
    const worker = join(root, 'host/dist/src/nodejsWorker.js');
    expect(findPackageIdentity(worker, join(root, 'apps/orders'), false)).toMatchObject({
      name: '@shop/orders',
      version: '2.0.0',
    });
    expect(findPackageIdentity(worker, root, false).nameless).toContain('a tool runs one of its applications');
  });
});

describe('What is missing', () => {
  it('is named, with the file that lacks it', () => {
    put({ 'package.json': { name: 'shop' }, 'nameless/package.json': { version: '1.0.0' } });
    const versionless = findPackageIdentity(join(root, 'main.js'), root);
    expect(() => requireIdentity('packageVersion', versionless.version, versionless)).toThrow(
      `packageVersion: ${join(root, 'package.json')} has a name and no version. Add one there. Or: Give the option packageVersion to`,
    );
    const nameless = findPackageIdentity(join(root, 'nameless/main.js'), root);
    expect(() => requireIdentity('namespace', nameless.name, nameless)).toThrow('has a version and no name. Add one');
  });

  it('is all of it where there is no package.json', () => {
    expect(() => requireIdentity('namespace', 5, {})).toThrow('a value of type number is no text');
    expect(() => requireIdentity('packageVersion', undefined, {})).toThrow(
      'no package.json with a version was found near the main script or the working directory',
    );
  });
});
