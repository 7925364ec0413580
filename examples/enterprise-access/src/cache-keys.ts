import { Catalogue } from 'nestjs-tiered-cache';
import * as contentKeys from './content-metadata/content-keys.js';

/** Everything that this service caches. `CACHE_KEYS.md` is its printed form, which a test compares. */
export const cacheKeys = new Catalogue(Object.values(contentKeys));
