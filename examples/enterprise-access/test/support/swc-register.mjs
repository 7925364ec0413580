// node --import <this file>: runs TypeScript with the decorators' metadata that Nest reads, and the library from its sources.
// (tsx compiles with esbuild, which leaves the metadata out.)
import { register } from 'node:module';

register('./swc-hooks.mjs', import.meta.url);
