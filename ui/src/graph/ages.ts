/** The ages in one drawing: all are of one moment, and they tell when a new drawing would read otherwise. */
import { age } from '../format';

export class Ages {
  private readonly said = new Map<number, string>();

  constructor(private readonly now: number) {}

  /** How long ago something was. */
  of(since: number): string {
    const text = age(this.now - since);
    this.said.set(since, text);
    return text;
  }

  /** Whether any of them reads otherwise by now. */
  outdated(now: number): boolean {
    return [...this.said].some(([since, text]) => age(now - since) !== text);
  }
}
