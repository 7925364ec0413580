import { readFileSync } from 'node:fs';

/**
 * The command as the first process of a container: in a namespace of process ids of its own, as number 1, with a `/proc` that shows it. Killing the
 * outer process kills it.
 */
export function inContainer(command: string, args: readonly string[]): [command: string, args: string[]] {
  return ['unshare', ['--fork', '--pid', '--mount-proc', '--kill-child=KILL', command, ...args]];
}

/** The number that the container's first process has outside, by that of the `unshare` that runs it. */
export function outerPid(unshare: number): number {
  return Number(readFileSync(`/proc/${unshare}/task/${unshare}/children`, 'latin1').trim());
}
