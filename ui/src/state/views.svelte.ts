/** All views of the window; the only one who subscribes. */
import { asFailure, type Host } from '../host';
import type { Failure, View } from '../host/contract/types';
import { LiveView, type RequestOf } from './live-view.svelte';

export class Views {
  readonly shell: LiveView<'shell'>;
  readonly first_run: LiveView<'first_run'>;
  readonly topology: LiveView<'topology'>;
  readonly services: LiveView<'services'>;
  readonly health: LiveView<'health'>;
  readonly breakers: LiveView<'breakers'>;
  readonly config_tree: LiveView<'config_tree'>;
  readonly disagreements: LiveView<'disagreements'>;
  readonly sources: LiveView<'sources'>;
  readonly timeline: LiveView<'timeline'>;
  readonly inspector: LiveView<'inspector'>;

  /** Why notices do not come; `null` while they do. */
  failure = $state.raw<Failure | null>(null);

  private readonly open = new Map<View, number>();
  private announced = '';

  constructor(private readonly host: Host) {
    const view = <V extends View>(name: V) => new LiveView(name, host);
    this.shell = view('shell');
    this.first_run = view('first_run');
    this.topology = view('topology');
    this.services = view('services');
    this.health = view('health');
    this.breakers = view('breakers');
    this.config_tree = view('config_tree');
    this.disagreements = view('disagreements');
    this.sources = view('sources');
    this.timeline = view('timeline');
    this.inspector = view('inspector');
  }

  /** Keeps a view current until the returned function is called. */
  follow<V extends View>(request: RequestOf<V>): () => void {
    const name: View = request.view;
    (this[name] as unknown as LiveView<V>).ask(request);
    this.open.set(name, (this.open.get(name) ?? 0) + 1);
    this.subscribe();
    return () => {
      const left = (this.open.get(name) ?? 1) - 1;
      if (left > 0) this.open.set(name, left);
      else this.open.delete(name);
      this.subscribe();
      if (left <= 0) queueMicrotask(() => this.restUnused(name));
    };
  }

  private restUnused(name: View): void {
    if (!this.open.has(name)) this[name].rest();
  }

  /** Several views may open and close in one turn; the host hears of the outcome. */
  private subscribe(): void {
    queueMicrotask(() => {
      const views = [...this.open.keys()].toSorted();
      const wanted = views.join();
      if (wanted === this.announced) return;
      this.announced = wanted;
      this.host
        .subscribe(views, (notice) => this[notice.view].noticed(notice))
        .then(
          () => (this.failure = null),
          (thrown: unknown) => (this.failure = asFailure(thrown)),
        );
    });
  }
}
