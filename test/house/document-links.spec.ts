import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { headingsLinkedFrom, headingsOf, linksOf, pagesReachedFrom } from './document-links.js';
import { filesOf, root, textOf } from './repository.js';

const documents = filesOf('docs').filter((path) => path.endsWith('.md'));
const pages = filesOf().filter((path) => path.endsWith('.md'));

describe('The links of the documents', () => {
  it('lead to files that are there', () => {
    const links = pages.flatMap((page) => linksOf(page, textOf(page)));
    expect(links.length).toBeGreaterThan(20);
    expect(links.filter(({ target }) => !existsSync(join(root, target)))).toEqual([]);
  });

  it('lead to headings that are there', () => {
    const linked = pages.flatMap((page) => headingsLinkedFrom(page, textOf(page)));
    const headings = new Set(pages.flatMap((page) => headingsOf(page, textOf(page))));
    expect(linked.length).toBeGreaterThan(20);
    expect(linked.filter((heading) => !headings.has(heading))).toEqual([]);
  });

  it('lead from the README to every page', () => {
    const reached = pagesReachedFrom('README.md', textOf);
    expect(documents.filter((page) => !reached.has(page))).toEqual([]);
  });

  it('to headings are found by page and anchor, and headings by what GitHub makes of them', () => {
    const linked = headingsLinkedFrom('docs/a.md', '[x](b.md#c) [y](#d-e), `[no](b.md#f)` [web](https://x.org/y.md#z)');
    expect(linked).toEqual(['docs/b.md#c', 'docs/a.md#d-e']);
    const text = '# One: `two`\n```sh\n# no heading\n```\n## A [b](c.md), and d';
    expect(headingsOf('a.md', text)).toEqual(['a.md#one-two', 'a.md#a-b-and-d']);
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
