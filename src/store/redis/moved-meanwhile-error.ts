import { StoreUnavailableError } from '../../value/errors.js';

/** Not done: before it was sent, or after it was refused, another server was met where the keys are now. */
export class MovedMeanwhileError extends StoreUnavailableError {
  constructor(shard: string) {
    super(shard, 'another server holds its keys now');
  }
}
