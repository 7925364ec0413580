export { observeCaches } from './adapter/telemetry.js';
export type { CacheTelemetryOptions } from './adapter/telemetry.js';
