import { describe, expect, it } from '@jest/globals';
import { DemoStatistics } from '../src/launcher/demo-statistics.js';
import { WeightedChoice } from '../src/launcher/weighted-choice.js';
import { seededRandom } from '../../../test/support/seeded-random.js';
import { readCourses } from '../src/upstream/catalog/course-data.js';

describe('the demonstration', () => {
  it('draws each value as often as its weight says', () => {
    let mark = 0;
    const choice = new WeightedChoice(
      [
        ['a', 1],
        ['never', 0],
        ['b', 3],
      ],
      () => mark++ / 8,
    );
    expect(Array.from({ length: 8 }, () => choice.draw()).join('')).toBe('aabbbbbb');
  });

  it('asks most for the course that most people enrolled in', () => {
    const courses = readCourses();
    const choice = new WeightedChoice(
      courses.map(({ key, enrolled }) => [key, enrolled]),
      seededRandom(1),
    );
    const counts = new Map<string, number>();
    for (let draw = 0; draw < 50_000; draw++) {
      const key = choice.draw();
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    const [drawnMost] = [...counts].sort(([, one], [, other]) => other - one);
    const [enrolledMost] = [...courses].sort((one, other) => other.enrolled - one.enrolled);
    expect(drawnMost?.[0]).toBe(enrolledMost?.key);
  });

  it('counts look-ups by tier, and the time that hits have saved', () => {
    const statistics = new DemoStatistics();
    statistics.note(200, 'load', 100, false);
    statistics.note(200, 'process', 2, false);
    statistics.note(200, 'process 2, load 1', 50, false);
    statistics.note(200, 'lock 1, process 1', 20, true);
    const summary = statistics.summary(10_000, 2, 3);
    expect(summary).toContain('4 requests in 10.0 s on 2 workers (4 × 200)');
    expect(summary).toMatch(/process +4 +66\.7 % +2\.0 ms/);
    expect(summary).toMatch(/load +2 +33\.3 % +100\.0 ms/);
    expect(summary).toContain('2 loads, 3 requests to the catalog, for 6 look-ups.');
    expect(summary).toContain('Time saved: 0.4 s');
  });
});
