import { announce } from './forked-server.js';
import { bareApp, cachedResponseApp, listen, moduleApp, officialApp, openStores } from './nest-apps.js';
import type { Adapter } from './nest-apps.js';

const apps = { bare: bareApp, storage: bareApp, module: moduleApp, cached: cachedResponseApp, official: officialApp };
const ports: number[] = [];
for (const served of process.argv.slice(2)) {
  const [name, adapter] = served.split(' ') as [keyof typeof apps, Adapter];
  const { url } = await listen(apps[name](), adapter, name === 'storage' ? openStores : undefined);
  ports.push(Number(new URL(url).port));
}
announce(ports);
