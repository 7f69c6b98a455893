/**
 * The topology on a 2D canvas. Draws only when something changed, and only what is on the screen.
 *
 * `willReadFrequently` keeps the pixels in memory instead of on a graphics card: several times faster where the window has
 * no real one, as in a virtual machine or under Xvfb. On real hardware the default may win, so the choice is an option.
 */
import { Ages } from './ages';
import { detail, eased, type Camera, type Detail, type View } from './camera';
import { drawGroup, drawGroupTitle, drawNode, placed } from './cards';
import { distance, overlap, sunflower, type Box, type Point } from './geometry';
import { Ink, palette, type Tone } from './ink';
import { Labels } from './labels';
import { drawMinimap } from './minimap';
import type { Hit, Renderer, RendererEvents } from './renderer';
import { byHarm, EMPTY, type Emphasis, type Scene, type SceneGroup, type SceneNode } from './scene';
import { bundled, drawBreaker, drawBreakerLabel, drawEdgeLabel, drawWire, harm, rewired, standsAlike, wired, type Bundle, type Wire } from './wires';
import { toWorld, toScreen } from './camera';
import { sortedBy } from '../sorted';

/** How long a flight of the camera takes, and how long a changed state is emphasised. */
const FLIGHT_MS = 240;
const PULSE_MS = 600;
const STILL_PULSE_MS = 2000;
/** Below this zoom a group's box has no room for its title, and it is drawn as a label. */
const TITLED = 0.2;
/** Above this many lines between groups the well ones are drawn paler. */
const MANY_BUNDLES = 120;
/** How near the pointer must be to an edge, in screen pixels. */
const NEAR = 6;

export interface Options {
  readonly willReadFrequently: boolean;
  readonly minimap: HTMLCanvasElement | null;
  readonly now: () => number;
}

interface Flight {
  readonly from: Camera;
  readonly to: Camera;
  readonly start: number;
}

export class Canvas2dRenderer implements Renderer {
  private readonly context: CanvasRenderingContext2D;
  private ink: Ink;
  private scene: Scene = EMPTY;
  private nodes = new Map<string, SceneNode>();
  private wires: Wire[] = [];
  private bundles: Bundle[] = [];
  private emphasis: Emphasis = { selected: null, hovered: null, only: null };
  private view: View = { width: 0, height: 0, insets: { top: 0, right: 0, bottom: 0, left: 0 } };
  private ratio = 1;
  private level: Detail | null = null;
  private eye: Camera = { x: 0, y: 0, zoom: 1 };
  /** Those of the last drawing. */
  private ages = new Ages(0);
  private flight: Flight | null = null;
  private frame: number | null = null;
  private readonly pulses = new Map<string, number>();

  constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly options: Options,
    private readonly events: RendererEvents,
  ) {
    const context = canvas.getContext('2d', { willReadFrequently: options.willReadFrequently, alpha: false });
    if (context === null) throw new Error('this page cannot draw on a 2D canvas');
    this.context = context;
    this.ink = new Ink(context, palette(), 1);
  }

  get camera(): Camera {
    return this.flight?.to ?? this.eye;
  }

  show(scene: Scene): void {
    if (this.scene !== EMPTY) this.notePulses(scene);
    const sameGround = standsAlike(this.scene, scene);
    this.scene = scene;
    this.nodes = new Map(scene.nodes.map((node) => [node.id, node]));
    const wires = sameGround ? rewired(this.wires, scene) : wired(scene);
    this.wires = wires.toSorted((a, b) => harm(a.edge) - harm(b.edge));
    this.bundles = bundled(scene);
    this.dirty();
  }

  /** A state that changed is outlined for a moment, so that the eye finds it. */
  private notePulses(next: Scene): void {
    const until = performance.now() + (stillness() ? STILL_PULSE_MS : PULSE_MS);
    for (const node of next.nodes) {
      const before = this.nodes.get(node.id);
      if (before !== undefined && before.health !== node.health) this.pulses.set(node.id, until);
    }
  }

  emphasise(emphasis: Emphasis): void {
    this.emphasis = emphasis;
    this.dirty();
  }

  resize(view: View, ratio: number): void {
    const grown = view.width !== this.view.width || view.height !== this.view.height || ratio !== this.ratio;
    this.view = view;
    if (!grown) return;
    this.ratio = ratio;
    this.canvas.width = Math.round(view.width * ratio);
    this.canvas.height = Math.round(view.height * ratio);
    this.repaint();
    this.draw();
  }

  repaint(): void {
    this.ink = new Ink(this.context, palette(), this.ratio);
    this.dirty();
  }

  tick(): void {
    if (this.ages.outdated(this.options.now())) this.dirty();
  }

  look(camera: Camera): void {
    this.flight = null;
    this.eye = camera;
    this.events.onCamera(camera);
    this.dirty();
  }

  fly(camera: Camera): void {
    if (stillness()) {
      this.look(camera);
      return;
    }
    this.flight = { from: this.eye, to: camera, start: performance.now() };
    this.events.onCamera(camera);
    this.dirty();
  }

  place(id: string): Box | null {
    const node = this.nodes.get(id);
    return node === undefined ? null : placed(this.eye, node.box);
  }

  hit(point: Point): Hit | null {
    const world = toWorld(this.eye, point);
    const inside = ({ box }: { box: Box }, margin = 0) =>
      world[0] >= box.x - margin && world[0] <= box.x + box.w + margin && world[1] >= box.y - margin && world[1] <= box.y + box.h + margin;
    const node = this.scene.nodes.find((node) => inside(node));
    if (node !== undefined) return { kind: 'node', id: node.id };
    const reach = NEAR / this.eye.zoom;
    const near = this.wires
      .filter((wire) => this.level !== 'dot' && this.level !== 'disc' && inside({ box: wire.bounds }, reach))
      .map((wire) => ({ wire, far: distance(wire.curve, world) }))
      .filter(({ far }) => far <= reach)
      .toSorted((a, b) => a.far - b.far);
    const [first] = near;
    if (first !== undefined) return { kind: 'edge', id: first.wire.edge.id };
    const group = this.scene.groups.find((group) => inside(group));
    return group === undefined ? null : { kind: 'group', id: group.id };
  }

  destroy(): void {
    if (this.frame !== null) cancelAnimationFrame(this.frame);
    this.frame = null;
  }

  private dirty(): void {
    this.frame ??= requestAnimationFrame((time) => {
      this.frame = null;
      this.advance(time);
      this.draw();
    });
  }

  private advance(time: number): void {
    if (this.flight !== null) {
      const t = (time - this.flight.start) / FLIGHT_MS;
      this.eye = eased(this.flight.from, this.flight.to, t);
      if (t >= 1) this.flight = null;
      else this.dirty();
    }
    for (const [id, until] of this.pulses) if (until <= time) this.pulses.delete(id);
    if (this.pulses.size > 0) this.dirty();
  }

  private draw(): void {
    const { width, height } = this.view;
    if (width === 0 || height === 0) return;
    this.ages = new Ages(this.options.now());
    const c = this.context;
    c.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    c.fillStyle = this.ink.colours.canvas;
    c.fillRect(0, 0, width, height);
    this.level = detail(this.eye.zoom, this.level);
    this.drawGround(c);
    if (this.level === 'dot') this.drawHulls();
    else this.drawGroups(this.level);
    this.marks(c);
    if (this.options.minimap !== null) {
      drawMinimap(this.options.minimap, this.ink.colours, this.ratio, this.scene, this.eye, this.view);
    }
  }

  /** What was drawn, for those who must wait for a drawing: the page's own tests and measurements. */
  private marks(c: CanvasRenderingContext2D): void {
    c.canvas.dataset['drawn'] = String(Number(c.canvas.dataset['drawn'] ?? 0) + 1);
    c.canvas.dataset['level'] = this.level ?? '';
  }

  /** Fine points that move with the ground: the eye sees that it pans. */
  private drawGround(c: CanvasRenderingContext2D): void {
    if (this.eye.zoom < 0.35) return;
    const step = 24 * this.eye.zoom;
    const [ox, oy] = toScreen(this.eye, [0, 0]);
    c.fillStyle = this.ink.colours.line1;
    for (let y = ((oy % step) + step) % step; y < this.view.height; y += step) {
      for (let x = ((ox % step) + step) % step; x < this.view.width; x += step) c.fillRect(Math.round(x), Math.round(y), 1, 1);
    }
  }

  private seen(): Box {
    const [x, y] = toWorld(this.eye, [0, 0]);
    return { x, y, w: this.view.width / this.eye.zoom, h: this.view.height / this.eye.zoom };
  }

  private drawGroups(level: Detail): void {
    const seen = this.seen();
    const { ages } = this;
    for (const group of this.scene.groups) if (overlap(group.box, seen)) drawGroup(this.ink, this.eye, group);
    const wires = this.wires.filter((wire) => overlap(wire.bounds, seen));
    if (level === 'disc') this.drawBundles((id) => this.groupMiddle(id));
    else for (const wire of wires) drawWire(this.ink, this.eye, wire, this.stateOf(wire));
    const nodes = this.scene.nodes.filter((node) => overlap(node.box, seen));
    const switched = wires.filter(({ edge }) => edge.breaker !== null && (level === 'full' || edge.breaker.state !== 'closed'));
    if (level !== 'disc') {
      for (const wire of switched) drawBreaker(this.ink, this.eye, wire, this.groundUnder(wire), this.stateOf(wire).dimmed);
    }
    const titles = this.scene.groups.filter(({ box }) => overlap(box, seen)).flatMap((group) => drawGroupTitle(this.ink, this.eye, group, ages));
    for (const node of nodes) this.drawOne(node, level, ages);
    if (level === 'disc') this.drawLabels(nodes);
    else this.drawOnWires(wires, switched, ages, titles);
  }

  private drawOne(node: SceneNode, level: Detail, ages: Ages): void {
    const state = {
      selected: node.id === this.emphasis.selected,
      dimmed: this.isDimmed(node.id),
      pulsing: this.pulses.has(node.id),
    };
    drawNode(this.ink, this.eye, node, level, state, ages);
  }

  private drawOnWires(wires: readonly Wire[], switched: readonly Wire[], ages: Ages, titles: readonly Box[]): void {
    const taken = [...titles, ...this.scene.nodes.map(({ box }) => placed(this.eye, box))];
    for (const wire of switched) {
      if (!this.stateOf(wire).dimmed) drawBreakerLabel(this.ink, this.eye, wire, this.groundUnder(wire), ages, taken);
    }
    const picked = wires.filter(({ edge }) => edge.id === this.emphasis.hovered || edge.id === this.emphasis.selected);
    for (const wire of picked) drawEdgeLabel(this.ink, this.eye, wire, taken);
  }

  private stateOf({ edge }: Wire): { near: boolean; dimmed: boolean } {
    const { selected, hovered } = this.emphasis;
    const touches = (id: string | null) => id !== null && (edge.from === id || edge.to === id || edge.id === id);
    return { near: touches(selected) || touches(hovered), dimmed: this.isDimmed(edge.from) || this.isDimmed(edge.to) };
  }

  private isDimmed(id: string): boolean {
    return this.emphasis.only !== null && !this.emphasis.only.has(id);
  }

  private groundUnder(wire: Wire): Tone {
    const [from, to] = [this.nodes.get(wire.edge.from), this.nodes.get(wire.edge.to)];
    return from?.group === to?.group && from?.group !== '' ? 'group' : 'canvas';
  }

  private groupMiddle(id: string): Point | null {
    const group = this.scene.groups.find((group) => group.id === id);
    return group === undefined ? null : toScreen(this.eye, [group.box.x + group.box.w / 2, group.box.y + group.box.h / 2]);
  }

  private drawBundles(where: (group: string) => Point | null): void {
    const c = this.context;
    for (const bundle of this.bundles.toSorted((a, b) => a.harm - b.harm)) {
      const [a, b] = [where(bundle.from), where(bundle.to)];
      if (a === null || b === null) continue;
      c.beginPath();
      c.moveTo(...a);
      const [dx, dy] = [b[0] - a[0], b[1] - a[1]];
      c.quadraticCurveTo((a[0] + b[0]) / 2 - dy * 0.12, (a[1] + b[1]) / 2 + dx * 0.12, ...b);
      c.globalAlpha = bundle.harm > 0 ? 0.9 : this.bundles.length > MANY_BUNDLES ? 0.15 : 0.6;
      this.ink.stroke(bundle.harm === 2 ? 'critfill' : bundle.harm === 1 ? 'warnfill' : 'edge', 1);
      c.globalAlpha = 1;
    }
  }

  /** Names of groups win over names of members, and far out only what is not well has a name of its own. */
  private drawLabels(nodes: readonly SceneNode[]): void {
    const labels = this.labels();
    for (const group of this.scene.groups) {
      const { x, y, w } = placed(this.eye, group.box);
      if (this.eye.zoom < TITLED) labels.offer(group.title, [x + w / 2, y + 10], 1e12);
    }
    for (const node of nodes) {
      if (this.eye.zoom < TITLED && node.health === 'passing' && node.id !== this.emphasis.selected) continue;
      const { x, y, w, h } = placed(this.eye, node.box);
      if (node.health !== 'passing') labels.keepClear({ x: x + w / 2 - 6, y: y + h / 2 - 6, w: 12, h: 12 });
      labels.offer(node.name, [x + w / 2, y + h / 2], this.weightOf(node));
    }
    labels.draw();
  }

  /** Labels that keep out from under what stands at the right side. */
  private labels(): Labels {
    const labels = new Labels(this.ink);
    const { width, height, insets } = this.view;
    if (insets.right > 0) labels.keepClear({ x: width - insets.right, y: 0, w: insets.right, h: height });
    return labels;
  }

  /** Who gets a label first: the selected one, then the worst, then the busiest. */
  private weightOf(node: SceneNode): number {
    if (node.id === this.emphasis.selected) return Infinity;
    const rank = { critical: 2e9, warning: 1e9, maintenance: 1e8, unknown: 0, passing: 0 }[node.health];
    return rank + (node.rate ?? 0);
  }

  /** From far away a group is a round hull; its members stand in a sunflower, the worst in the middle. */
  private drawHulls(): void {
    const members = sortedBy(this.scene.nodes, (node) => node.group);
    this.drawBundles((id) => this.groupMiddle(id));
    const labels = this.labels();
    for (const group of this.scene.groups) {
      const at = this.groupMiddle(group.id);
      if (at === null) continue;
      const nodes = (members.get(group.id) ?? []).toSorted((a, b) => byHarm(a.health, b.health));
      const radius = this.drawHull(at, group, nodes);
      const bad = group.worst === 'critical' || group.worst === 'warning';
      if (bad || radius >= 28) labels.offer(`${group.title} ${nodes.length}`, [at[0], at[1] - radius - 4], bad ? 1e12 : nodes.length);
    }
    labels.draw();
  }

  /** A hull is as large as its members need, and never larger than its group's ground; gives back its radius. */
  private drawHull([x, y]: Point, { box, worst }: SceneGroup, nodes: readonly SceneNode[]): number {
    const c = this.context;
    const wanted = Math.sqrt(nodes.length) * 5.2 + 9;
    const radius = Math.max(6, Math.min(wanted, (Math.min(box.w, box.h) / 2) * this.eye.zoom));
    const k = radius / wanted;
    c.beginPath();
    c.arc(x, y, radius, 0, 7);
    this.ink.fill('panel');
    this.ink.stroke(worst === 'critical' ? 'crit' : worst === 'warning' ? 'warn' : 'line2', worst === 'critical' ? 1.5 : 1);
    const places = sunflower(nodes.length, 5 * k);
    for (const [i, node] of nodes.entries()) {
      const [dx, dy] = places[i] ?? [0, 0];
      if (node.health !== 'passing') {
        const size = node.health === 'critical' ? 11 : 9;
        this.ink.health(node.health, x + dx - size / 2, y + dy - size / 2, size, 'panel', node.staleSince !== null);
        continue;
      }
      c.beginPath();
      c.arc(x + dx, y + dy, Math.max(1, 2.5 * k), 0, 7);
      if (node.staleSince === null) this.ink.fill('spine');
      else this.ink.stroke('tx3');
    }
    return radius;
  }
}

function stillness(): boolean {
  return matchMedia('(prefers-reduced-motion: reduce)').matches;
}
