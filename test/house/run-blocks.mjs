// node run-blocks.mjs list.json: runs the blocks of the documents one after the other in this process, most of whose time goes into loading Nest. What each printed, or how it failed,
// is written to list.json.said. Whatever a block leaves open keeps the process from its end.
import { readFileSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const [, , list] = process.argv;
const said = {};
const print = process.stdout.write;
for (const { file, directory, env } of JSON.parse(readFileSync(list, 'utf8'))) {
  let stdout = '';
  process.stdout.write = (text) => ((stdout += text), true);
  process.chdir(directory);
  Object.assign(process.env, env);
  try {
    await import(pathToFileURL(file).href);
    said[file] = { code: 0, stdout, stderr: '' };
  } catch (error) {
    said[file] = { code: 1, stdout, stderr: String(error?.stack ?? error) };
  } finally {
    process.stdout.write = print;
  }
}
writeFileSync(`${list}.said`, JSON.stringify(said));
