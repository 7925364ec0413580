import { faultsUnderLoad } from './faults-under-load.js';

// R1: every kind of fault through one driver or another. `npm run test:scenarios` plays all of them through each.
faultsUnderLoad('built-in', [
  'is killed',
  'is stopped by a signal',
  'gives half an answer and hangs',
  'answers garbage',
]);
faultsUnderLoad('@redis/client 6', ['hears and is not heard'], false);
faultsUnderLoad('ioredis 6', ['gives half an answer and hangs up'], false);
