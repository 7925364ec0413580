import { Catalogue } from 'nestjs-tiered-cache';
import * as files from './files.keys.js';
import * as objects from './objects.keys.js';

/** Made when the service starts: two patterns that could meet would stop it here. */
export const catalogue = new Catalogue([...Object.values(files), ...Object.values(objects)]);
