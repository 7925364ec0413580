import { serveWorker } from '../serve-worker.js';
import { toldHistory } from './told-history.js';

serveWorker({ told: toldHistory });
