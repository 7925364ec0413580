import { announce } from './forked-server.js';
import { bareApp, cachedResponseApp, listen, moduleApp, officialApp } from './nest-apps.js';
import type { Adapter } from './nest-apps.js';

const apps = { bare: bareApp, module: moduleApp, cached: cachedResponseApp, official: officialApp };
const [name, adapter] = process.argv.slice(2) as [keyof typeof apps, Adapter];
const { url } = await listen(apps[name](), adapter);
announce(Number(new URL(url).port));
