import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { dyingWithParent } from '../../../../test/support/dies-with-parent.js';
import { eventually } from '../../../../test/support/eventually.js';

const register = new URL('../../../../test/support/sources/register.mjs', import.meta.url).href;
const source = new URL('../../src/', import.meta.url);

/** What `npm start` and `npm run demo` run, from its sources; its output as a person sees it. */
export class LaunchedProgram {
  output = '';
  readonly exited: Promise<number | NodeJS.Signals | null>;
  private readonly child: ChildProcess;

  constructor(program: string, env: Readonly<Record<string, string>>) {
    const file = fileURLToPath(new URL(program, source));
    const [command, args] = dyingWithParent(process.execPath, ['--import', register, file]);
    this.child = spawn(command, args, {
      env: { ...process.env, NODE_OPTIONS: '', PORT: '0', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => (this.output += text));
    }
    this.exited = new Promise((resolve) => this.child.once('exit', (code, signal) => resolve(code ?? signal)));
  }

  /** Resolves when its output matches. */
  async says(pattern: RegExp, withinMs = 90_000): Promise<RegExpMatchArray> {
    return eventually(
      () => {
        const found = pattern.exec(this.output);
        if (found) return found;
        throw new Error(`Nothing matches ${String(pattern)} in:\n${this.output}`);
      },
      { withinMs },
    );
  }

  /** As Ctrl-C does; resolves to how it ended. */
  async interrupt(): Promise<number | NodeJS.Signals | null> {
    this.child.kill('SIGINT');
    const insist = setTimeout(() => this.child.kill('SIGKILL'), 30_000);
    const outcome = await this.exited;
    clearTimeout(insist);
    return outcome;
  }
}
