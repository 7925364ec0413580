import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import ts from 'typescript';
import { entries, packageJson, root, runToEnd } from './repository.js';

const kinds: readonly [ts.SymbolFlags, string][] = [
  [ts.SymbolFlags.Class, 'class'],
  [ts.SymbolFlags.Function, 'function'],
  [ts.SymbolFlags.Variable, 'const'],
  [ts.SymbolFlags.Enum, 'enum'],
  [ts.SymbolFlags.Interface, 'interface'],
  [ts.SymbolFlags.TypeAlias, 'type'],
];

const sourceOf = (entry: string) => join(root, 'src', `${entry.slice(packageJson.name.length + 1) || 'index'}.ts`);

function exportsOf(): Map<string, string[]> {
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), (path) => ts.sys.readFile(path)) as {
    config: object;
  };
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
  const program = ts.createProgram(entries.map(sourceOf), { ...options, noEmit: true });
  const checker = program.getTypeChecker();
  return new Map(
    entries.map((entry) => {
      const file = program.getSourceFile(sourceOf(entry));
      const module = file && checker.getSymbolAtLocation(file);
      if (module === undefined) return [entry, ['(nothing is exported)']];
      const names = checker.getExportsOfModule(module).map((symbol) => {
        const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
        return `${symbol.name}: ${kinds
          .filter(([flag]) => target.flags & flag)
          .map(([, kind]) => kind)
          .join(' + ')}`;
      });
      return [entry, names.sort()];
    }),
  );
}

/**
 * The names users may import, pinned: adding or losing one shows as a line in __snapshots__, to be looked at and accepted with
 * `npm run jest -- test/house/exported-names -u`.
 */
describe('The exported names', () => {
  const exported = exportsOf();

  it.each(entries)('of %s', (entry) => {
    expect(`\n${exported.get(entry)?.join('\n')}\n`).toMatchSnapshot();
  });

  it('leave those of @nestjs/cache-manager alone', () => {
    const taken = new Set(['CacheModule', 'CacheKey', 'CacheTTL', 'CacheInterceptor', 'Cache', 'CACHE_MANAGER']);
    const names = [...exported.values()].flat().map((line) => line.split(':')[0] ?? '');
    expect(names.length).toBeGreaterThan(20);
    expect(names.filter((name) => taken.has(name))).toEqual([]);
  });
});

it('docs/api.md says of each exported name what the sources say', () => {
  const { code, stdout } = runToEnd(process.execPath, ['scripts/api-reference.mjs', '--check']);
  expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
});
