import { computing, everything, policies } from '../seed/customers.js';
import { readCourses } from '../upstream/catalog/course-data.js';
import type { DemoStatistics } from './demo-statistics.js';
import type { Launched } from './launch.js';
import { signToken } from './token.js';
import { WeightedChoice } from './weighted-choice.js';

interface DemoRequest {
  readonly path: string;
  readonly body?: object;
}

/** Requests as learners send them: a course is asked for as often as people enrolled in it. */
export class DemoTraffic {
  private readonly courseKeys: WeightedChoice<string>;
  private readonly token: string;
  private ended = false;

  constructor(
    private readonly launched: Launched,
    private readonly statistics: DemoStatistics,
  ) {
    this.courseKeys = new WeightedChoice(readCourses().map(({ key, enrolled }) => [encodeURIComponent(key), enrolled]));
    this.token = signToken(launched.jwtSecret, { lmsUserId: 1, isStaff: true, isActive: true });
  }

  /** One client: the next request when the last one is answered. */
  async sendUntil(endAt: number): Promise<void> {
    while (!this.ended && performance.now() < endAt) await this.send(this.draw());
  }

  end(): void {
    this.ended = true;
  }

  private async send({ path, body }: DemoRequest): Promise<void> {
    const startedAt = performance.now();
    const response = await fetch(this.launched.address + path, {
      headers: { authorization: `Bearer ${this.token}`, ...(body && { 'content-type': 'application/json' }) },
      ...(body && { method: 'POST', body: JSON.stringify(body) }),
    });
    await response.arrayBuffer();
    this.statistics.note(response.status, response.headers.get('x-cache') ?? '', performance.now() - startedAt, !!body);
  }

  private draw(): DemoRequest {
    const dice = Math.random();
    const key = this.courseKeys.draw();
    if (dice < 0.8)
      return { path: `/api/v1/content-metadata/${key}/?enterprise_customer_uuid=${everything.customerUuid}` };
    if (dice < 0.92)
      return { path: `/api/v1/enterprise-catalogs/${computing.uuid}/contains-content/?content_key=${key}` };
    if (dice < 0.98) {
      const keys = Array.from({ length: 20 }, () => this.courseKeys.draw()).join(',');
      return { path: `/api/v1/enterprise-catalogs/${everything.uuid}/content-metadata/?content_keys=${keys}` };
    }
    return {
      path: `/api/v1/policy-redemption/${policies.unlimited.uuid}/redeem/`,
      body: { lms_user_id: 1 + Math.floor(Math.random() * 100_000), content_key: decodeURIComponent(key) },
    };
  }
}
