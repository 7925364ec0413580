// node --import <this file>: runs TypeScript with the decorators' metadata that Nest reads, and the library from its sources.
// (tsx compiles with esbuild, which leaves the metadata out, and compiles anew in each process.)
import { register } from 'node:module';

register('./hooks.mjs', import.meta.url);
