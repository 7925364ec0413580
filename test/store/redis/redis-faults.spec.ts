import { faultsUnderLoad } from './faults-under-load.js';

// Every kind of fault through one client or the other. `npm run test:scenarios` plays all of them through each.
faultsUnderLoad('@redis/client 6', ['is stopped by a signal', 'gives half an answer and hangs', 'answers garbage']);
faultsUnderLoad('ioredis 6', ['is killed', 'hears and is not heard', 'gives half an answer and hangs up'], false);
