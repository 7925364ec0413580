import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';

/** Lines of words, appended by several processes; the kernel keeps their order. */
export class Journal {
  private readonly file: number;

  constructor(private readonly path: string) {
    this.file = openSync(path, 'a');
  }

  append(...words: (string | number)[]): void {
    writeSync(this.file, `${words.join(' ')}\n`);
  }

  close(): void {
    closeSync(this.file);
  }

  lines(): string[][] {
    return readFileSync(this.path, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => line.split(' '));
  }
}

/** Sections that were entered before the one in progress had left. `enter id` and `leave id`, in the order that the kernel wrote them. */
export function overlapsIn(lines: readonly (readonly string[])[]): number {
  const inside = new Set<string>();
  let overlaps = 0;
  for (const [verb, id = ''] of lines) {
    if (verb === 'enter') {
      overlaps += inside.size;
      inside.add(id);
    } else if (verb === 'leave') inside.delete(id);
  }
  return overlaps;
}

export function readNumber(path: string): number {
  return Number(readFileSync(path, 'utf8'));
}

export function writeNumber(path: string, value: number): void {
  writeFileSync(path, String(value));
}
