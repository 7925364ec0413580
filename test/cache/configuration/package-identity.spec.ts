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
