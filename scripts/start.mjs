// npm start, npm run demo: the reference service, from a fresh clone to its first answer.
import { exampleProgram, runBuild } from './build.mjs';
import { main, run } from './commands.mjs';
import { preparePackages } from './prepare-packages.mjs';

await main(async ([program = 'start', ...args]) => {
  await preparePackages();
  await runBuild({ example: true });
  return run(process.execPath, [exampleProgram(program), ...args]);
});
