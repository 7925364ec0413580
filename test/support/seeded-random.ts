export { seededRandom } from '../../src/testing/simulation/seeded-random.js';
export type { SeededRandom } from '../../src/testing/simulation/seeded-random.js';
