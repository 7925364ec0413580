import { institutionCode, runNames } from './content-key.js';
import type { KeyedCourse } from './course-data.js';

/** What an operator changed since the data was gathered. */
export interface ContentChange {
  readonly title?: string;
  readonly price_usd?: number;
}

/** Content metadata as clients see it. Prices are in whole cents. */
export interface ContentRecord {
  readonly content_type: 'course' | 'courserun';
  readonly key: string;
  readonly aggregation_key: string;
  readonly uuid: string;
  readonly title: string;
  readonly content_price_cents: number;
  readonly content_last_modified: string;
  readonly [field: string]: unknown;
}

export function courseRecord(
  course: KeyedCourse,
  change: ContentChange | undefined,
  modifiedAt: number,
): ContentRecord {
  return {
    content_type: 'course',
    key: course.key,
    aggregation_key: `course:${course.key}`,
    uuid: course.uuid,
    title: change?.title ?? course.title,
    slug: course.slug,
    partners: [{ key: institutionCode(course.institution), name: course.institution }],
    subjects: [course.subject],
    level_type: course.level,
    language: course.language,
    pacing_type: course.pacing === 'self' ? 'self_paced' : 'instructor_paced',
    weeks_to_complete: course.weeks,
    min_effort: course.effortHoursPerWeek[0],
    max_effort: course.effortHoursPerWeek[1],
    enrollment_count: course.enrolled,
    content_price_cents: Math.round((change?.price_usd ?? course.priceUsd) * 100),
    parent_content_key: null,
    course_runs: course.runKeys,
    advertised_course_run: course.runKeys.at(-1),
    content_last_modified: new Date(modifiedAt).toISOString(),
  };
}

export function runRecord(
  course: KeyedCourse,
  runKey: string,
  change: ContentChange | undefined,
  modifiedAt: number,
): ContentRecord {
  const {
    course_runs: _runs,
    advertised_course_run: _advertised,
    ...shared
  } = courseRecord(course, change, modifiedAt);
  const run = runNames.find((name) => runKey.endsWith(`+${name}`));
  return {
    ...shared,
    content_type: 'courserun',
    key: runKey,
    aggregation_key: `courserun:${course.key}`,
    parent_content_key: course.key,
    start: run === '2025T3' ? '2025-09-01T00:00:00.000Z' : '2026-01-15T00:00:00.000Z',
    availability: run === '2025T3' ? 'Archived' : 'Current',
  };
}
