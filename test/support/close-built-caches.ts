import { afterAll } from '@jest/globals';
import { builtCaches } from './built-caches.js';

afterAll(() => Promise.all([...builtCaches].map((cache) => cache.close())));
