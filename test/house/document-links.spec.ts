import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { linksOf, pagesReachedFrom } from './document-links.js';
import { filesOf, root, textOf } from './repository.js';

const documents = filesOf('docs').filter((path) => path.endsWith('.md'));
const pages = filesOf().filter((path) => path.endsWith('.md'));

describe('The links of the documents', () => {
  it('lead to files that are there', () => {
    const links = pages.flatMap((page) => linksOf(page, textOf(page)));
    expect(links.length).toBeGreaterThan(20);
    expect(links.filter(({ target }) => !existsSync(join(root, target)))).toEqual([]);
  });

  it('lead from the README to every page', () => {
    const reached = pagesReachedFrom('README.md', textOf);
    expect(documents.filter((page) => !reached.has(page))).toEqual([]);
  });

  // Negative controls of the two above.
  it('are found outside of code, relative to their page, without anchors and other sites', () => {
    const text = [
      '[a](b.md#c) [up](../x.md), `[no](code.md)` [web](https://example.org/y.md) [here](#anchor)',
      '```md',
      '[no](fence.md)',
      '```',
      '[last](last.md)',
    ].join('\n');
    expect(linksOf('docs/page.md', text).map(({ target }) => target)).toEqual(['docs/b.md', 'x.md', 'docs/last.md']);
  });

  it('leave out a page that nothing reached leads to', () => {
    const texts: Record<string, string> = { 'a.md': '[b](b.md)', 'b.md': '[a](a.md)', 'c.md': '[d](d.md)', 'd.md': '' };
    expect([...pagesReachedFrom('a.md', (page) => texts[page] ?? '')]).toEqual(['a.md', 'b.md']);
  });
});
