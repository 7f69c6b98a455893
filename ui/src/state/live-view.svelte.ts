/** One view of the contract, kept current: told by notices, pulled by one request at a time. */
import { asFailure, type Host } from '../host';
import type { Failure, Notice, Patch, View, ViewPatch, ViewRequest } from '../host/contract/types';
import { applied, type Data } from './patch';

type PatchOf<V extends View> = Extract<ViewPatch, { view: V }>['patch'];
type Whole<V extends View> = Extract<PatchOf<V>, { kind: 'full' }>;
export type Head<V extends View> = Whole<V>['head'];
export type Row<V extends View> = Whole<V>['rows'][number];
export type RequestOf<V extends View> = Extract<ViewRequest, { view: V }>;

const NONE: readonly never[] = [];

export class LiveView<V extends View> {
  private data = $state.raw<Data<Head<V>, Row<V>> | null>(null);
  // Derived, so that an answer wakes those alone who look at what is new in it: mostly nothing is.
  readonly head: Head<V> | null = $derived(this.data?.head ?? null);
  readonly rows: readonly Row<V>[] = $derived(this.data?.rows ?? NONE);
  /** Why the last pull failed; `null` while pulls work. */
  failure = $state.raw<Failure | null>(null);
  /** Since when the first answer is waited for. */
  waitingSince = $state.raw<number | null>(null);

  private request: RequestOf<V> | null = null;
  /** The request that the data answers. */
  private answered: RequestOf<V> | null = null;
  private busy = false;
  private again = false;

  constructor(
    readonly name: V,
    private readonly host: Host,
  ) {}

  /** Whether the data answers what was asked last. */
  get answers(): boolean {
    return this.request !== null && this.answered === this.request;
  }

  get revision(): number {
    return this.data?.revision ?? -1;
  }

  /** Starts, or asks for something else; what is shown stays until the answer is here. */
  ask(request: RequestOf<V>): void {
    if (this.request !== null && JSON.stringify(this.request) === JSON.stringify(request)) return;
    this.request = request;
    if (this.data === null) this.waitingSince = this.host.now();
    void this.pull();
  }

  /** Nobody looks at it any more. */
  rest(): void {
    this.request = null;
  }

  noticed(notice: Notice): void {
    if (this.request !== null && notice.revision > this.revision) void this.pull();
  }

  private async pull(): Promise<void> {
    if (this.busy) {
      this.again = true;
      return;
    }
    this.busy = true;
    try {
      do {
        this.again = false;
        await this.once();
      } while (this.again);
    } catch (thrown) {
      this.failure = asFailure(thrown);
    } finally {
      this.busy = false;
    }
  }

  private async once(): Promise<void> {
    const { request } = this;
    if (request === null) return;
    const since = request === this.answered ? (this.data?.revision ?? null) : null;
    const answer = await this.host.call('pull', { request, since });
    if (request !== this.request) {
      this.again = true;
      return;
    }
    const next = applied(since === null ? null : this.data, answer.patch as Patch<Head<V>, Row<V>>);
    if (next === null) {
      // A gap: the next pull asks for everything.
      this.answered = null;
      this.again = true;
      return;
    }
    this.answered = request;
    this.data = next;
    this.failure = null;
    this.waitingSince = null;
  }
}
