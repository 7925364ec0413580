// A copy of the project in which sources are changed: nobody's working tree ever holds a mutant.
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { root, outputOf } from '../commands.mjs';

const filesOfProject = () =>
  (outputOf('git', ['-C', root, 'ls-files', '-z', '--cached', '--others', '--exclude-standard']) ?? '')
    .split('\0')
    .filter((path) => path !== '' && existsSync(join(root, path)));

export class WorkingCopy {
  constructor() {
    this.folder = mkdtempSync(join(tmpdir(), 'mutations-'));
    for (const path of filesOfProject()) {
      mkdirSync(dirname(join(this.folder, path)), { recursive: true });
      cpSync(join(root, path), join(this.folder, path));
    }
    symlinkSync(join(root, 'node_modules'), join(this.folder, 'node_modules'));
  }

  read(path) {
    return readFileSync(join(this.folder, path), 'utf8');
  }

  write(path, text) {
    writeFileSync(join(this.folder, path), text);
  }

  /**
   * Runs Jest, and ends it with all that it started as soon as `isOver()`, which is asked twice a second.
   * @returns whether it was ended, and the last of what it said.
   */
  async jest(args, { env = {}, isOver }) {
    const program = [
      '--experimental-vm-modules',
      '--disable-warning=ExperimentalWarning',
      'node_modules/jest/bin/jest.js',
    ];
    const child = spawn(process.execPath, [...program, '--ci', '--runInBand', '--forceExit', ...args], {
      cwd: this.folder,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
      env: { ...process.env, ...env },
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text) => (output = (output + text).slice(-20_000)));
    let ended = false;
    const endAll = () => {
      try {
        process.kill(-child.pid, 'SIGKILL');
      } catch {
        // They are gone already.
      }
    };
    const watch = setInterval(() => {
      if (!isOver()) return;
      ended = true;
      endAll();
    }, 500);
    process.on('exit', endAll);
    await once(child, 'exit');
    process.off('exit', endAll);
    clearInterval(watch);
    endAll(); // servers and workers that a killed run left
    return { ended, output };
  }

  remove() {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
