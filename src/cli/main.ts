#!/usr/bin/env node
import { runCommand } from './run-command.js';

const [, , name] = process.argv;
// `tiered-cache list | head`: nobody reads any more, and that is no mistake. A backup that nobody reads to its end is none, and says so itself.
if (name !== 'backup') {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    process.exit(error.code === 'EPIPE' ? 0 : 1);
  });
}
// `2>&1 | head`, a log on a disk that is full: nobody reads what is said meanwhile. A restore that stopped there would have restored a half.
process.stderr.on('error', () => {});

process.exitCode = await runCommand(process.argv.slice(2), {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
});
