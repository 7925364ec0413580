// npm run start:file-service, npm run start:file-service:redis: the service of files, from a fresh clone to its first answer.
import { runBuild } from './build.mjs';
import { main, run } from './commands.mjs';
import { preparePackages } from './prepare-packages.mjs';

await main(async ([program, ...args]) => {
  await preparePackages();
  await runBuild({ fileService: true });
  return run(process.execPath, [`examples/file-service/dist/${program}.js`, ...args]);
});
