import { HttpProblem } from '../http/route.js';
import type { JsonAnswer, JsonRequest, Route } from '../http/route.js';
import { runUpstream } from '../http/run-upstream.js';
import { wholeNumberFromEnv } from '../http/whole-number-from-env.js';
import { Catalog } from './catalog.js';
import { readCourses } from './course-data.js';
import type { ContentChange, ContentRecord } from './content-record.js';

const catalog = new Catalog(readCourses());
const maxKeys = 1_000;

const routes: Route[] = [
  get('/api/v1/enterprise-customers/:uuid/', ({ params }) => found(catalog.describeCustomer(params['uuid'] ?? ''))),
  get('/api/v1/enterprise-customers/:uuid/content-metadata/:key/', ({ params, query }) => {
    const coerce = query.get('coerce_to_parent_course') === 'true';
    return found(catalog.contentOfCustomer(params['uuid'] ?? '', params['key'] ?? '', coerce));
  }),
  get('/api/v1/enterprise-catalogs/:uuid/', ({ params }) => found(catalog.describe(params['uuid'] ?? ''))),
  get('/api/v1/enterprise-catalogs/:uuid/content-metadata/', ({ params, query }) => {
    const uuid = params['uuid'] ?? '';
    if (!catalog.describe(uuid)) return notFound();
    const records = contentKeys(query).map((key) => catalog.content(uuid, key));
    const results = records.filter((record): record is ContentRecord => record !== undefined);
    return { status: 200, body: { count: results.length, results } };
  }),
  get('/api/v1/enterprise-catalogs/:uuid/contains-content/', ({ params, query }) => {
    const contains = catalog.contains(params['uuid'] ?? '', contentKeys(query)[0] ?? '');
    return contains === undefined ? notFound() : { status: 200, body: { contains_content_items: contains } };
  }),
  {
    method: 'POST',
    path: '/admin/catalogs/:uuid/changes/',
    steering: true,
    handle: ({ params, body }) => {
      const { course_key: courseKey, ...change } = (body ?? {}) as ContentChange & { course_key?: string };
      const uuid = params['uuid'] ?? '';
      return catalog.change(uuid, courseKey, change) ? found(catalog.describe(uuid)) : notFound();
    },
  },
];

await runUpstream({ name: 'catalog', routes, delayMs: wholeNumberFromEnv('CATALOG_DELAY_MS', 80) });

function get(path: string, handle: (request: JsonRequest) => JsonAnswer): Route {
  return { method: 'GET', path, handle };
}

function found(body: object | undefined): JsonAnswer {
  return body ? { status: 200, body } : notFound();
}

function notFound(): JsonAnswer {
  return { status: 404, body: { detail: 'Not found.' } };
}

function contentKeys(query: URLSearchParams): string[] {
  const keys = query.getAll('content_keys').flatMap((text) => text.split(','));
  if (keys.length === 0 || keys.length > maxKeys || keys.includes('')) {
    throw new HttpProblem(400, { detail: `content_keys: give 1 to ${maxKeys} keys.` });
  }
  return keys;
}
