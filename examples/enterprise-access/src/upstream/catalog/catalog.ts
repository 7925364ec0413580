import { catalogs, customers } from '../../seed/customers.js';
import type { EnterpriseCatalog } from '../../seed/customers.js';
import { parentCourseKey } from './content-key.js';
import { slugNumber } from './course-data.js';
import type { KeyedCourse } from './course-data.js';
import { courseRecord, runRecord } from './content-record.js';
import type { ContentChange, ContentRecord } from './content-record.js';

/** What the catalog service knows: which courses exist, which catalog holds them, when a catalog's content last changed. */
export class Catalog {
  private readonly courses: ReadonlyMap<string, KeyedCourse>;
  private readonly contents: ReadonlyMap<string, ReadonlySet<string>>;
  private readonly modifiedAt = new Map(catalogs.map(({ uuid, modifiedAt }) => [uuid, Date.parse(modifiedAt)]));
  private readonly changes = new Map<string, ContentChange>();

  constructor(courses: readonly KeyedCourse[]) {
    this.courses = new Map(courses.map((course) => [course.key, course]));
    this.contents = new Map(
      catalogs.map(({ uuid, rule }) => {
        const held = courses.filter((course) =>
          'subjects' in rule ? rule.subjects.includes(course.subject) : slugNumber(course.slug) % rule.oneIn === 0,
        );
        return [uuid, new Set(held.map(({ key }) => key))];
      }),
    );
  }

  /** The catalog with its count and modification time; `undefined`: no such catalog. */
  describe(catalogUuid: string): object | undefined {
    const catalog = catalogs.find(({ uuid }) => uuid === catalogUuid);
    return catalog && this.described(catalog);
  }

  /** The customer with its catalogs; `undefined`: no such customer. */
  describeCustomer(customerUuid: string): object | undefined {
    const customer = customers.find(({ uuid }) => uuid === customerUuid);
    if (!customer) return undefined;
    const owned = catalogs.filter((catalog) => catalog.customerUuid === customerUuid);
    return { ...customer, enterprise_catalogs: owned.map((catalog) => this.described(catalog)) };
  }

  /** Whether the catalog holds the course, or the course of the run; `undefined`: no such catalog. */
  contains(catalogUuid: string, contentKey: string): boolean | undefined {
    return this.contents.get(catalogUuid)?.has(parentCourseKey(contentKey));
  }

  /** The record, if the catalog holds it. */
  content(catalogUuid: string, contentKey: string, coerceToParentCourse = false): ContentRecord | undefined {
    const course = this.courses.get(parentCourseKey(contentKey));
    const modifiedAt = this.modifiedAt.get(catalogUuid);
    if (!course || modifiedAt === undefined || !this.contains(catalogUuid, contentKey)) return undefined;
    const change = this.changes.get(course.key);
    if (coerceToParentCourse || contentKey === course.key) return courseRecord(course, change, modifiedAt);
    return course.runKeys.includes(contentKey) ? runRecord(course, contentKey, change, modifiedAt) : undefined;
  }

  /** The record, if one of the customer's catalogs holds it. */
  contentOfCustomer(customerUuid: string, contentKey: string, coerce: boolean): ContentRecord | undefined {
    for (const { uuid, customerUuid: owner } of catalogs) {
      const record = owner === customerUuid ? this.content(uuid, contentKey, coerce) : undefined;
      if (record) return record;
    }
    return undefined;
  }

  /** Changes a course, if one is given, and moves the modification time of the catalog forward. */
  change(catalogUuid: string, courseKey: string | undefined, change: ContentChange): boolean {
    const before = this.modifiedAt.get(catalogUuid);
    if (before === undefined || (courseKey !== undefined && !this.contains(catalogUuid, courseKey))) return false;
    if (courseKey !== undefined) this.changes.set(courseKey, { ...this.changes.get(courseKey), ...change });
    this.modifiedAt.set(catalogUuid, Math.max(Date.now(), before + 1));
    return true;
  }

  private described({ uuid, title, customerUuid }: EnterpriseCatalog): object {
    return {
      uuid,
      title,
      enterprise_customer: customerUuid,
      content_count: this.contents.get(uuid)?.size ?? 0,
      content_last_modified: new Date(this.modifiedAt.get(uuid) ?? 0).toISOString(),
    };
  }
}
