import { readFileSync, readdirSync } from 'node:fs';
import { eventually } from './eventually.js';

/** Resolves when no thread of the process runs any more after SIGSTOP: the signal takes a while to reach them all. */
export async function hasStopped(pid: number): Promise<void> {
  const threads = `/proc/${pid}/task`;
  const stateOf = (id: string): string | undefined => readFileSync(`${threads}/${id}/stat`, 'utf8').split(') ')[1]?.[0];
  await eventually(() => {
    if (readdirSync(threads).some((id) => stateOf(id) !== 'T')) throw new Error(`process ${pid} still runs`);
  });
}
