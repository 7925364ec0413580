import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { root, runToEnd } from './repository.js';

interface Violation {
  readonly from: string;
  readonly to: string;
  readonly rule: { readonly name: string; readonly severity: string };
}

const cruiser = join(root, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs');
const config = join(root, '.dependency-cruiser.cjs');

/** What `npm run lint:floors`, which looks at this house, finds wrong in the `src` and `examples` of another one. */
function violationsIn(folder: string): string[] {
  const { stdout, stderr } = runToEnd(
    process.execPath,
    [cruiser, 'src', 'examples', '--config', config, '-T', 'json'],
    {
      cwd: folder,
    },
  );
  if (!stdout.startsWith('{')) throw new Error(stderr);
  const { summary } = JSON.parse(stdout) as { summary: { violations: Violation[] } };
  return summary.violations.map(({ from, to, rule }) => `${rule.severity} ${rule.name}: ${from} → ${to}`);
}

/** A house that breaks every rule once. */
const brokenHouse = {
  'package.json': '{ "type": "module" }',
  'tsconfig.json': '{ "compilerOptions": { "module": "nodenext", "target": "es2023" } }',
  'src/index.ts': 'export {};',
  'src/value/imports-higher.ts': "import '../cache/high.js';",
  'src/cache/high.ts': 'export {};',
  'src/key/imports-sideways.ts': "import '../codec/right.js';",
  'src/codec/right.ts': 'export {};',
  'src/store/imports-a-type.ts': "import type { High } from '../tier/high.js'; export type Low = High;",
  'src/tier/high.ts': 'export type High = 1;',
  'src/value/circle-a.ts': "import type { B } from './circle-b.js'; export type A = B | 1;",
  'src/value/circle-b.ts': "import type { A } from './circle-a.js'; export type B = A | 2;",
  'src/coherence/imports-nest.ts': "import '@nestjs/common';",
  'src/module/imports-a-barrel.ts': "import '../index.js';",
  'src/module/imports-a-test.ts': "import '../../test/fixture.js';",
  'test/fixture.ts': 'export {};',
  'src/module/imports-nothing.ts': "import './missing.js';",
  'examples/shop/src/main.ts': "import '../../../src/tier/high.js';",
};

describe('The floors of the house', () => {
  it('every room of src stands on a floor', () => {
    const rules = runToEnd(process.execPath, [
      '-p',
      'JSON.stringify(require(process.argv[1]).forbidden)',
      config,
    ]).stdout;
    const rooms = (JSON.parse(rules) as { name: string }[]).flatMap(
      ({ name }) => /^floor-\d-(.+)$/.exec(name)?.[1] ?? [],
    );
    const folders = readdirSync(join(root, 'src'), { withFileTypes: true }).filter((item) => item.isDirectory());
    expect(folders.map(({ name }) => name).filter((name) => !rooms.includes(name))).toEqual([]);
  });

  it('a house that breaks each rule once is reported for each (negative control)', () => {
    const folder = mkdtempSync(join(tmpdir(), 'broken-house-'));
    try {
      symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
      for (const [path, text] of Object.entries(brokenHouse)) {
        mkdirSync(dirname(join(folder, path)), { recursive: true });
        writeFileSync(join(folder, path), text);
      }
      const nest = /^(error no-nest-below-the-decorators: src\/coherence\/imports-nest\.ts → ).*@nestjs\/common.*$/;
      expect(
        violationsIn(folder)
          .map((line) => line.replace(nest, '$1@nestjs/common'))
          .sort(),
      ).toEqual([
        'error barrels-are-for-users: src/module/imports-a-barrel.ts → src/index.ts',
        'error examples-use-the-public-api: examples/shop/src/main.ts → src/tier/high.ts',
        'error floor-0-value: src/value/imports-higher.ts → src/cache/high.ts',
        'error floor-1-key: src/key/imports-sideways.ts → src/codec/right.ts',
        'error floor-2-store: src/store/imports-a-type.ts → src/tier/high.ts',
        'error floor-9-module: src/module/imports-a-barrel.ts → src/index.ts',
        'error no-cycles: src/value/circle-a.ts → src/value/circle-b.ts',
        'error no-nest-below-the-decorators: src/coherence/imports-nest.ts → @nestjs/common',
        'error resolvable: src/module/imports-nothing.ts → ./missing.js',
        'error src-stands-alone: src/module/imports-a-test.ts → test/fixture.ts',
      ]);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
