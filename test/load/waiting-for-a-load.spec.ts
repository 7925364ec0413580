import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { dyingWithParent } from '../support/dies-with-parent.js';
import { compiledSources } from '../support/worker-process.js';

const script = fileURLToPath(new URL('./support/waiting-script.ts', import.meta.url));

interface Ended {
  readonly code: unknown;
  readonly printed: string[];
}

/** The script in a process of its own, once that has ended by itself. Node ends with 13 what waits for a promise that nothing will settle. */
function run(what: string): Promise<Ended> {
  const [command, args] = dyingWithParent(process.execPath, ['--import', compiledSources, script, what]);
  return new Promise((resolve) => {
    execFile(command, args, { env: { ...process.env, NODE_OPTIONS: '' } }, (error, stdout) =>
      resolve({ code: error?.code ?? 0, printed: stdout.split('\n').filter(Boolean) }),
    );
  });
}

describe('A script that waits for a loader which hangs on nothing', () => {
  it('goes on after maxLoad: it is kept alive for as long as somebody waits', async () => {
    const ways = ['one', 'many', 'many, with a signal', 'nested', 'stale'];
    const told = await Promise.all(ways.map(run));
    const tooLate = { code: 0, printed: ['LoadTimeoutError'] };
    expect(Object.fromEntries(ways.map((way, index) => [way, told[index]]))).toEqual({
      one: tooLate,
      many: tooLate,
      'many, with a signal': tooLate,
      nested: tooLate,
      stale: { code: 0, printed: ['stale'] },
    });
  });

  it('ends at once when nobody waits any more, and for a background refresh', async () => {
    const printed = ['stale', 'stale', 'LoadTimeoutError', 'LoadTimeoutError', 'AbortError'];
    expect(await run('left')).toEqual({ code: 0, printed });
  });
});
