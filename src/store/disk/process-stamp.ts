import { readFileSync } from 'node:fs';
import { uptime } from 'node:os';

/**
 * Names one process of this host for good: its id and the instant at which it started. An id alone is not enough: containers give
 * the same few ids to every generation of processes.
 *
 * Without `/proc` the start is unknown and an id that is in use counts as the process.
 */
export const ownStamp = `${process.pid}-${startedAt(process.pid) ?? 0}`;

export function isRunning(stamp: string): boolean {
  const [pid = NaN, started = NaN] = stamp.split('-').map(Number);
  if (!Number.isInteger(pid) || pid <= 0) return false;
  if (started > 0) return startedAt(pid) === started;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Field 22 of `/proc/<pid>/stat`, in clock ticks since the machine started; the name in field 2 may hold anything but its last `)`. */
function startedAt(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // A zombie has ended: only its parent doesn't know yet.
    return fields[0] === 'Z' ? undefined : Number(fields[19]);
  } catch {
    return undefined;
  }
}

/** Changes when the machine starts anew, and only then; where the system doesn't tell, the minute it started in. */
export function bootName(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  } catch {
    return `minute-${Math.round((Date.now() / 1000 - uptime()) / 60)}`;
  }
}
