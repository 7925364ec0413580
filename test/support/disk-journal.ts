import { readFileSync, writeFileSync } from 'node:fs';
import type { Look } from './disk-record-look.js';

/** What the writers said they would do, and what they were told was done. */
export class DiskJournal {
  acknowledged = 0;
  private readBytes = 0;
  private readonly operations = new Map<string, Map<number, { removes: boolean; order: number }>>();
  private readonly settled = new Map<string, number>();
  private order = 0;
  readonly increments = { tried: 0, done: 0 };

  constructor(readonly path: string) {
    writeFileSync(path, '');
  }

  nextSequence(writer: number, round: number): number {
    return (round * 2 + writer + 1) * 1_000_000;
  }

  catchUp(): void {
    const text = readFileSync(this.path, 'latin1');
    const whole = text.slice(this.readBytes, text.lastIndexOf('\n') + 1);
    this.readBytes += whole.length;
    for (const line of whole.split('\n')) {
      const [sign, key = '', sequenceText, kind] = line.split(' ');
      if (key === '') continue;
      if (key === 'counter') {
        this.increments[sign === '?' ? 'tried' : 'done']++;
        continue;
      }
      const sequence = Number(sequenceText);
      if (sign === '?') {
        const known = this.operations.get(key) ?? new Map<number, { removes: boolean; order: number }>();
        known.set(sequence, { removes: kind === 'remove', order: this.order++ });
        this.operations.set(key, known);
      } else {
        this.acknowledged++;
        this.settled.set(key, sequence);
      }
    }
  }

  keys(): string[] {
    return [...this.operations.keys()];
  }

  /** The state that the last acknowledged operation made, or one begun after it: of each writer there is one at a time per lane. */
  allows(key: string, found: Look): boolean {
    const operations = this.operations.get(key) ?? new Map<number, { removes: boolean; order: number }>();
    const settled = this.settled.get(key);
    const settledOrder = settled === undefined ? -1 : (operations.get(settled)?.order ?? -1);
    if (found.found === 'garbage') return false;
    if (found.found === 'absent') {
      if (settled === undefined) return true;
      return [...operations.values()].some(({ removes, order }) => removes && order >= settledOrder);
    }
    const operation = operations.get(Number(found.text.split(' ')[0]));
    return operation !== undefined && !operation.removes && operation.order >= settledOrder;
  }
}
