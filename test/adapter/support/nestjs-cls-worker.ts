import { serveWorker } from '../../support/serve-worker.js';
import { nestjsClsMethods } from './nestjs-cls-application.js';

serveWorker(nestjsClsMethods);
