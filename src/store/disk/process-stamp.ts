import { randomUUID } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { uptime } from 'node:os';
import { systemClock } from '../../value/clock.js';

/**
 * Names one opener of a folder for good. A process id alone is not enough: a container gives the same few ids to every generation of its
 * processes, two containers on one volume give the same id to two processes, and a thread can end while its process lives.
 *
 * As text: `<pid>-<start>-<instance>.<namespace>.<boot>`.
 */
export interface ProcessStamp {
  readonly pid: number;
  /** Clock ticks between the start of the machine and that of the process; 0: unknown. */
  readonly startedAt: number;
  /** Drawn for each opener. A thread has its own. */
  readonly instance: string;
  /** The inode of the namespace that the process id is valid in; empty: unknown. */
  readonly namespace: string;
  /** The beginning of the machine's boot id; empty: unknown. */
  readonly boot: string;
}

/** A stamp for one opener of this process. */
export function drawStamp(): string {
  return `${process.pid}-${startOf(process.pid) ?? 0}-${randomUUID().slice(0, 8)}.${ownNamespace}.${ownBoot}`;
}

/** Reads a stamp, whatever stands behind it; parts that are not there are unknown. */
export function readStamp(text: string): ProcessStamp {
  const [pid = '', startedAt = '', rest = ''] = text.split('-');
  const [instance = '', namespace = '', boot = ''] = rest.split('.');
  return { pid: Number(pid), startedAt: Number(startedAt) || 0, instance, namespace, boot };
}

/** Whether its process id means the same process here as it does where the stamp was made. */
export function isOfThisNamespace({ namespace, boot }: ProcessStamp): boolean {
  return (namespace === '' || namespace === ownNamespace) && isOfThisBoot(boot);
}

export const isOfThisBoot = (boot: string): boolean => boot === '' || ownBoot === '' || boot === ownBoot;

/** Of a stamp of this namespace. Without `/proc` the start is unknown, and an id that is in use counts as the process. */
export function processRuns({ pid, startedAt }: ProcessStamp): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  if (startedAt > 0) return startOf(pid) === startedAt;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Field 22 of `/proc/<pid>/stat`, in clock ticks since the machine started; the name in field 2 may hold anything but its last `)`. */
function startOf(pid: number): number | undefined {
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
  return readBootId() ?? `minute-${Math.round((systemClock.now() / 1000 - uptime()) / 60)}`;
}

function readBootId(): string | undefined {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  } catch {
    return undefined;
  }
}

/** Names this container among those of this host that share a folder. */
export const ownPlace = (): string => `${ownNamespace || 'host'}.${ownBoot}`;

/** The boot id's beginning as a number; 0: unknown. */
export const ownBootNumber = (): number => Number.parseInt(ownBoot || '0', 16);

const ownBoot = readBootId()?.replaceAll('-', '').slice(0, 8) ?? '';
const ownNamespace = readNamespace();

function readNamespace(): string {
  try {
    return `${statSync('/proc/self/ns/pid').ino}`;
  } catch {
    return '';
  }
}
