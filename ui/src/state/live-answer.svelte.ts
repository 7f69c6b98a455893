/** The answer to a question that is asked again and again: one request at a time, and the last question is always answered. */
import { asFailure } from '../host';
import type { Failure } from '../host/contract/types';

export class LiveAnswer<T> {
  /** What came last; `null` before the first answer. Stays while the next one is under way, and when that fails. */
  answer = $state.raw<T | null>(null);
  /** Why the last request failed; `null` while they work. */
  failure = $state.raw<Failure | null>(null);

  private busy = false;
  private again = false;

  constructor(private readonly request: () => Promise<T>) {}

  ask(): void {
    this.again = true;
    if (!this.busy) void this.run();
  }

  private async run(): Promise<void> {
    this.busy = true;
    while (this.again) {
      this.again = false;
      try {
        this.answer = await this.request();
        this.failure = null;
      } catch (thrown) {
        this.failure = asFailure(thrown);
      }
    }
    this.busy = false;
  }
}
