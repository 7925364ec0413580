export { nestjsClsStorage } from './adapter/nestjs-cls-storage.js';
