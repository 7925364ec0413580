import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { runCommand } from '../../src/cli/run-command.js';
import { freePort } from '../support/free-port.js';
import { filesOf, textOf } from './repository.js';

/** What stands behind `npx tiered-cache` up to the end of its line or code, a remark, or what its output is for. */
function commandsIn(page: string): string[] {
  return [...page.matchAll(/npx tiered-cache ([^`\n]+)/g)].map(([, text = '']) =>
    (text.split(/ #| [|>&]/)[0] ?? '').trim(),
  );
}

/** `COMMAND` stands for any. Quotes are the shell's. */
const wordsOf = (command: string): string[] =>
  command.split(/\s+/).map((word) => (word === 'COMMAND' ? 'get' : word.replaceAll("'", '')));

const pages = filesOf().filter((path) => path.endsWith('.md'));
const commands = [...new Set(pages.flatMap((page) => commandsIn(textOf(page))))];

describe('The commands that the pages show', () => {
  const [before, variables] = [process.cwd(), { ...process.env }];
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'documented-'));
    const identity = { name: 'shop', version: '1.0.0', tieredCache: { catalogue: 'absent.js' } };
    await writeFile(join(folder, 'package.json'), JSON.stringify(identity));
    process.chdir(folder);
    process.env['CACHE_REDIS_URL'] = `redis://127.0.0.1:${await freePort()}`;
  });
  afterAll(async () => {
    process.chdir(before);
    process.env = variables;
    await rm(folder, { recursive: true });
  });

  it('are found, without remarks and what their output is for', () => {
    expect(commands).toContain('clear --yes');
    const page =
      "`npx tiered-cache keys > a.md`\nA=… npx tiered-cache get 'a' # b\nnpx tiered-cache verify redis a | cat";
    expect(commandsIn(page)).toEqual(['keys', "get 'a'", 'verify redis a']);
  });

  // No server answers and no file is there: whatever ends otherwise than by its arguments was understood.
  it.each(commands)('are understood: %s', async (command) => {
    let said = '';
    const hear = (text: string): void => void (said += text);
    await runCommand(wordsOf(command), { out: hear, err: hear });
    const isOfFiles = /there is no file|can't be imported/.test(said);
    expect(isOfFiles ? '' : said).not.toContain("See 'tiered-cache");
  });
});
