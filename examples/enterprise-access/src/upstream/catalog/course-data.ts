import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { uuidV5 } from '../../seed/uuid-v5.js';
import { courseCode, institutionCode, runKey, runNames } from './content-key.js';

/** A course as the data file has it. */
export interface Course {
  readonly slug: string;
  readonly title: string;
  readonly institution: string;
  readonly subject: string;
  readonly level: string;
  readonly language: string;
  readonly pacing: string;
  readonly priceUsd: number;
  readonly enrolled: number;
  readonly weeks: number;
  readonly effortHoursPerWeek: readonly [number, number];
}

/** A course with what the data lacks. */
export interface KeyedCourse extends Course {
  readonly key: string;
  readonly uuid: string;
  readonly runKeys: readonly string[];
}

const file = new URL('../../../data/edx-courses.json', import.meta.url);

/** All courses in the order of the file, each with a key that no other has. */
export function readCourses(): KeyedCourse[] {
  const courses = JSON.parse(readFileSync(file, 'utf8')) as Course[];
  const taken = new Set<string>();
  return courses.map((course) => {
    let number = slugNumber(course.slug);
    let key: string;
    do key = `${institutionCode(course.institution)}+${courseCode(course.title, number++)}`;
    while (taken.has(key));
    taken.add(key);
    return { ...course, key, uuid: uuidV5(`course:${key}`), runKeys: runNames.map((run) => runKey(key, run)) };
  });
}

/** A number that depends on the slug alone: places courses in sampled catalogs and numbers their codes. */
export function slugNumber(slug: string): number {
  return createHash('sha256').update(slug).digest().readUInt32BE(0);
}
