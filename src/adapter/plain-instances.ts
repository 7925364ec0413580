import { reportFault } from '../value/events.js';

/** Classes may be made while the application runs. */
const maxClasses = 100;

const outcome =
  'are kept as plain objects with all of their properties: methods are lost, and so is what ClassSerializerInterceptor hides of the class (@Exclude). ' +
  "Keep what may be shown, or give codec: structured(), which refuses instances; structured({ instances: 'plain' }) takes them knowingly.";

/** Tells once for each class that its instances are kept as plain objects. */
export class PlainInstances {
  private readonly classes = new Set<string>();

  constructor(private readonly cache: string) {}

  note(name: string): void {
    if (this.classes.has(name) || this.classes.size >= maxClasses) return;
    this.classes.add(name);
    reportFault({ source: this.cache, kind: 'degraded', message: `Instances of ${name} ${outcome}` });
  }
}
