import { Catalogue } from 'nestjs-tiered-cache';
import * as charts from './charts.keys.js';
import * as clients from './clients.keys.js';
import * as daily from './daily.keys.js';
import * as files from '../../file-service/src/catalogue/files.keys.js';
import { externalJourney, journeyMeta, stickyGroupNumber, transcript } from './journeys.keys.js';
import * as objects from '../../file-service/src/catalogue/objects.keys.js';
import { externalPrompt, profilePictures, promptMeta, publicPrompt } from './prompts.keys.js';
import { updaterLease } from './updater.keys.js';
import * as users from './users.keys.js';

/** Made when the application starts: two patterns that could meet would stop it here. */
export const catalogue = new Catalogue([
  ...Object.values(files),
  ...Object.values(charts),
  ...Object.values(daily),
  ...Object.values(clients),
  ...Object.values(users),
  ...Object.values(objects),
  journeyMeta,
  externalJourney,
  transcript,
  stickyGroupNumber,
  promptMeta,
  externalPrompt,
  profilePictures,
  publicPrompt,
  updaterLease,
]);
