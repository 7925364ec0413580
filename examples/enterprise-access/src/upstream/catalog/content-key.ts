/**
 * Keys as edX writes them, derived from what the data has: a course is `institution+code` (`HarvardX+CICS417`), a run of it
 * `course-v1:institution+code+run`.
 */
export const runNames = ['2025T3', '2026T1'] as const;

const notInNames = new Set(['the', 'of', 'at', 'de', 'del', 'degli', 'di', 'and', 'for', 'in']);

/** `Harvard University` → `HarvardX`, `Massachusetts Institute of Technology` → `MITX`, `IBM` → `IBM`. */
export function institutionCode(institution: string): string {
  const words = asciiWords(institution).filter((word) => !notInNames.has(word.toLowerCase()));
  const [first = 'edX'] = words;
  if (words.length === 1) return first.slice(0, 16);
  const isUniversity = words.length === 2 && /^universi/i.test(words[1] ?? '');
  return `${isUniversity ? first.slice(0, 16) : words.map((word) => word.charAt(0).toUpperCase()).join('')}X`;
}

/** The initials of the first five words, and a number: `CICS417`. */
export function courseCode(title: string, number: number): string {
  const initials = asciiWords(title)
    .slice(0, 5)
    .map((word) => word.charAt(0).toUpperCase())
    .join('');
  return `${initials || 'C'}${100 + (number % 900)}`;
}

export function runKey(courseKey: string, run: string): string {
  return `course-v1:${courseKey}+${run}`;
}

/** The course of a run's key; a course's own key as it is. */
export function parentCourseKey(contentKey: string): string {
  if (!contentKey.startsWith('course-v1:')) return contentKey;
  return contentKey.slice('course-v1:'.length, contentKey.lastIndexOf('+'));
}

function asciiWords(text: string): string[] {
  const plain = text.normalize('NFD').replaceAll(/[\u0300-\u036f]/g, '');
  return plain.match(/[A-Za-z0-9]+/g) ?? [];
}
