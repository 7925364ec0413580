import { posix } from 'node:path';

/** A link of a Markdown page to another file of the repository. */
export interface Link {
  readonly page: string;
  /** From the root. */
  readonly target: string;
}

/** The links of a page that lead into the repository, outside of its code. Anchors are left out. */
export function linksOf(page: string, markdown: string): Link[] {
  const prose = markdown.replace(/^ *(`{3,})[^\n]*\n[\s\S]*?^ *\1`* *$/gm, '').replace(/`[^`\n]*`/g, '');
  return [...prose.matchAll(/\]\(([^)\s#]+)(?:#[^)]*)?\)/g)]
    .map(([, address = '']) => address)
    .filter((address) => !/^[a-z][a-z\d+.-]*:/i.test(address))
    .map((address) => ({ page, target: posix.join(posix.dirname(page), address) }));
}

/** The pages that a reader who begins at `start` can come to by following links. */
export function pagesReachedFrom(start: string, textOf: (page: string) => string): Set<string> {
  const reached = new Set([start]);
  for (const page of reached) {
    for (const { target } of linksOf(page, textOf(page))) if (target.endsWith('.md')) reached.add(target);
  }
  return reached;
}
