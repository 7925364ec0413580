import { describe, expect, it } from '@jest/globals';
import { blocksOf, modulesOf } from './document-blocks.js';

const fence = '```';
const page = (...lines: string[]) => lines.join('\n').replaceAll('~~~', fence);

describe('The blocks of a document', () => {
  it('are found with their language, line and code', () => {
    const blocks = blocksOf(
      page('# Title', '', '~~~ts', 'const a = 1;', '', 'const b = 2;', '~~~', 'text', '~~~bash', 'ls', '~~~'),
    );
    expect(blocks).toEqual([
      { line: 3, language: 'ts', code: 'const a = 1;\n\nconst b = 2;', marks: [] },
      { line: 9, language: 'bash', code: 'ls', marks: [] },
    ]);
  });

  it('bear the marks directly before them, and no others', () => {
    const blocks = blocksOf(
      page(
        '<!-- no-run: old -->',
        'text',
        '~~~ts',
        '~~~',
        '<!-- note -->',
        '<!-- run: memcached -->',
        '',
        '~~~ts',
        '~~~',
      ),
    );
    expect(blocks.map(({ marks }) => marks)).toEqual([[], [{ name: 'run', argument: 'memcached', line: 6 }]]);
  });

  it('that are never closed are an error', () => {
    expect(() => blocksOf(page('~~~ts', 'x'))).toThrow('the block of line 1 is never closed');
  });

  it('become modules whose lines stand where the document has them', () => {
    const [module] = modulesOf(
      blocksOf(
        page(
          '<!-- before',
          'const hidden = 1;',
          '-->',
          '~~~ts',
          'use(hidden);',
          '~~~',
          '<!-- continues -->',
          '~~~ts',
          'more();',
          '~~~',
        ),
      ),
    );
    expect(module?.source.split('\n')).toEqual([
      '',
      'const hidden = 1;',
      '',
      '',
      'use(hidden);',
      '',
      '',
      '',
      'more();',
    ]);
  });

  it('run unless they say otherwise', () => {
    const modules = modulesOf(
      blocksOf(
        page(
          '~~~ts',
          '~~~',
          '<!-- no-run: needs a database -->',
          '~~~ts',
          '~~~',
          '<!-- file: cats.ts -->',
          '~~~ts',
          '~~~',
        ),
      ),
    );
    expect(modules.map(({ file, runs }) => [file, runs])).toEqual([
      ['line-1.ts', true],
      ['line-4.ts', false],
      ['cats.ts', false],
    ]);
  });

  it('say what they print and how they end', () => {
    const [module] = modulesOf(
      blocksOf(
        page('<!-- run: memcached, until "listening" -->', '~~~ts', '~~~', '<!-- prints -->', '~~~text', 'hit', '~~~'),
      ),
    );
    expect(module).toMatchObject({ until: 'listening', memcached: true, prints: 'hit' });
  });
});
