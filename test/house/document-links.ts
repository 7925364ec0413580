import { posix } from 'node:path';

/** A link of a Markdown page to another file of the repository. */
export interface Link {
  readonly page: string;
  /** From the root. */
  readonly target: string;
}

const withoutFences = (markdown: string): string => markdown.replace(/^ *(`{3,})[^\n]*\n[\s\S]*?^ *\1`* *$/gm, '');

/** The links of a page that lead into the repository, outside of its code. Anchors are left out. */
export function linksOf(page: string, markdown: string): Link[] {
  const prose = withoutFences(markdown).replace(/`[^`\n]*`/g, '');
  return [...prose.matchAll(/\]\(([^)\s#]+)(?:#[^)]*)?\)/g)]
    .map(([, address = '']) => address)
    .filter((address) => !/^[a-z][a-z\d+.-]*:/i.test(address))
    .map((address) => ({ page, target: posix.join(posix.dirname(page), address) }));
}

/** The links of a page to a heading, of its own or of another page, by `page.md#anchor`. */
export function headingsLinkedFrom(page: string, markdown: string): string[] {
  const prose = withoutFences(markdown).replace(/`[^`\n]*`/g, '');
  return [...prose.matchAll(/\]\(((?:[^)\s#:]+\.md)?)#([^)\s]+)\)/g)].map(
    ([, address = '', anchor = '']) => `${address === '' ? page : posix.join(posix.dirname(page), address)}#${anchor}`,
  );
}

/** Where links to a page's headings lead, as GitHub names them. */
export function headingsOf(page: string, markdown: string): string[] {
  return [...withoutFences(markdown).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => {
    const text = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
    return `${page}#${text.replace(/[^\p{L}\p{N}_ -]/gu, '').replaceAll(' ', '-')}`;
  });
}

/** The pages that a reader who begins at `start` can come to by following links. */
export function pagesReachedFrom(start: string, textOf: (page: string) => string): Set<string> {
  const reached = new Set([start]);
  for (const page of reached) {
    for (const { target } of linksOf(page, textOf(page))) if (target.endsWith('.md')) reached.add(target);
  }
  return reached;
}
