// npm run lint:format [-- paths]: oxfmt reads every file in half a second of processor time, and Prettier judges what oxfmt would write otherwise. Prettier alone takes half a minute.
import { join } from 'node:path';
import { main, root, run, runQuietly } from './commands.mjs';

const program = (path) => join(root, 'node_modules', path);

await main(async (paths) => {
  const oxfmt = [program('oxfmt/bin/oxfmt'), '-c', join(root, '.oxfmtrc.json'), '--list-different', ...paths];
  const { code, output } = await runQuietly(process.execPath, oxfmt);
  if (code !== 1) {
    if (code !== 0) console.log(output.trimEnd());
    return code;
  }
  const doubtful = output.split('\n').filter((line) => line !== '');
  const prettier = [program('prettier/bin/prettier.cjs'), '--config', join(root, '.prettierrc.json'), '--check'];
  return run(process.execPath, [...prettier, ...doubtful]);
});
