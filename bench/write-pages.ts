import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { benchmarkOf, groups } from './case-names.js';
import { performancePage } from './performance-page.js';
import type { Measured } from './performance-page.js';
import { picturesPage } from './pictures/pictures-page.js';
import type { ResultsFile } from './results-file.js';

/** Writes the page of figures, the page of pictures and the pictures into the folder, of all that was ever measured. */
export async function writePages(results: ResultsFile, folder: string): Promise<void> {
  const measured: [string, Measured[]][] = [];
  for (const [group, names] of Object.entries(groups)) {
    const own: Measured[] = [];
    for (const name of names) {
      const outcomes = results.outcomesOf(name);
      if (Object.keys(outcomes).length > 0) own.push({ benchmark: await benchmarkOf(name), outcomes });
    }
    if (own.length > 0) measured.push([group, own]);
  }
  const { page, drawings } = picturesPage(measured.flatMap(([, own]) => own));
  const write = (file: string, text: string): void => {
    const path = join(folder, file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  };
  write('performance.md', performancePage(measured, results.versions));
  write('performance-pictures.md', page);
  for (const { file, svg } of drawings) write(file, svg);
}
