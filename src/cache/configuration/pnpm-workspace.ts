/**
 * Whether the text of a pnpm-workspace.yaml names packages besides the root. Since pnpm 10 the file holds a project's settings, also where there is one package.
 * What stands under the key `packages` is a list of patterns, in lines or in brackets.
 */
export function namesPackages(yaml: string): boolean {
  const lines = yaml.split(/\r?\n/).map((line) => line.replace(/(^|\s)#.*/, ''));
  const first = lines.findIndex((line) => keyOfPackages.test(line));
  if (first === -1) return false;
  const next = lines.findIndex((line, index) => index > first && otherKey.test(line));
  const listed = lines
    .slice(first, next === -1 ? undefined : next)
    .join('\n')
    .replace(keyOfPackages, '');
  return listed.split(/[\s,[\]{}"']+/).some((pattern) => !notOthers.test(pattern));
}

const keyOfPackages = /^(?:\{\s*)?(["']?)packages\1\s*:/;
/** Lines of a list begin with a space, a dash, or the bracket that ends it. */
const otherKey = /^[^\s\]}-]/;
/** Nothing, the dash of a line, the root, and what is left out. */
const notOthers = /^(-?|\.\/?|!.*)$/;
