/** Cards, pipes, folded stacks, discs and group boxes, at the level of detail that the zoom allows. */
import { HEALTH, type HealthState } from '../glyphs';
import { errorTone, latency, perSecond, percent, rate } from '../format';
import type { Ages } from './ages';
import type { Camera, Detail } from './camera';
import { toScreen } from './camera';
import type { Box } from './geometry';
import type { Ink, Tone } from './ink';
import type { SceneGroup, SceneNode } from './scene';

/** From the best to the worst: the order of a spine's segments from top to bottom. */
const SPINE: readonly HealthState[] = ['passing', 'unknown', 'maintenance', 'warning', 'critical'];
const MANY = 12;
/** From the top of a group to its first card, in the world's measure. */
const TITLE = 34;
/** Cards narrower than this have their spine and their margins closer. */
const NARROW = 120;

export interface CardState {
  readonly selected: boolean;
  readonly dimmed: boolean;
  /** A change of state within the last moments: the outline is emphasised. */
  readonly pulsing: boolean;
}

/** A box of the world on the screen, on whole pixels so that lines stay sharp. */
export function placed(camera: Camera, box: Box): Box {
  const [x, y] = toScreen(camera, [box.x, box.y]);
  return { x: Math.round(x) + 0.5, y: Math.round(y) + 0.5, w: Math.round(box.w * camera.zoom), h: Math.round(box.h * camera.zoom) };
}

export function drawGroup(ink: Ink, camera: Camera, group: SceneGroup): void {
  const { x, y, w, h } = placed(camera, group.box);
  const radius = Math.min(12, w / 4);
  ink.box(x, y, w, h, radius);
  ink.fill('group');
  if (group.staleSince !== null) ink.hatch(x, y, w, h, radius);
  ink.box(x, y, w, h, radius);
  ink.stroke('groupline');
}

/** The title and the counts of a group, on a ground of their own: they are read over the edges. Gives back where they stand. */
export function drawGroupTitle(ink: Ink, camera: Camera, group: SceneGroup, ages: Ages): Box[] {
  if (camera.zoom < 0.2) return [];
  const { x, y, w } = placed(camera, group.box);
  const stale = group.staleSince === null ? null : `stale ${ages.of(group.staleSince)}`;
  const title = ink.width(group.title, 12, 600);
  const room = w - 24 - Math.min(title, w / 2) - 8;
  const counts = stale ?? (ink.width(group.counts) <= room ? group.counts : group.short);
  const countsRoom = ink.width(counts) <= room ? ink.width(counts) : 0;
  // Where the cards begin higher than a line of text is tall, the title stands on the border.
  const line = TITLE * camera.zoom < 20 ? y + 4 : y + Math.min(22, 22 * camera.zoom);
  const titleRoom = w - 24 - countsRoom - (countsRoom > 0 ? 8 : 0);
  const plates = [{ x: x + 9, y: line - 13, w: Math.min(title, titleRoom) + 6, h: 17 }];
  if (countsRoom > 0) plates.push({ x: x + w - 15 - countsRoom, y: line - 13, w: countsRoom + 6, h: 17 });
  if (group.staleSince === null) for (const plate of plates) plateUnder(ink, plate);
  ink.text(group.title, x + 12, line, { tone: 'tx1', size: 12, weight: 600, room: titleRoom, name: true });
  if (countsRoom > 0) ink.text(counts, x + w - 12, line, { tone: stale === null ? 'tx3' : 'warn', align: 'right' });
  return plates;
}

function plateUnder(ink: Ink, { x, y, w, h }: Box): void {
  ink.box(x, y, w, h, 4);
  ink.fill('group');
}

export function drawNode(ink: Ink, camera: Camera, node: SceneNode, level: Detail, state: CardState, ages: Ages): void {
  const c = ink.context;
  c.globalAlpha = state.dimmed ? 0.25 : node.staleSince === null ? 1 : 0.8;
  if (level === 'dot' || level === 'disc') drawDisc(ink, camera, node, level, state);
  else if (node.kind === 'queue' || node.kind === 'topic') drawPipe(ink, camera, node, level, state);
  else if (node.kind === 'folded') drawStack(ink, camera, node, level, state);
  else drawCard(ink, camera, node, level, state, ages);
  c.globalAlpha = 1;
}

function drawDisc(ink: Ink, camera: Camera, node: SceneNode, level: Detail, state: CardState): void {
  const { x, y, w, h } = placed(camera, node.box);
  const [cx, cy] = [x + w / 2, y + h / 2];
  const bad = node.health !== 'passing';
  const size = level === 'disc' ? 12 : node.health === 'critical' ? 11 : 9;
  if (state.selected) {
    ink.context.beginPath();
    ink.context.arc(cx, cy, size / 2 + 4, 0, 7);
    ink.stroke('accent', 1.5);
  }
  if (bad || (level === 'disc' && camera.zoom >= 0.2)) {
    ink.health(node.health, cx - size / 2, cy - size / 2, size, 'group', node.staleSince !== null);
    return;
  }
  ink.context.beginPath();
  ink.context.arc(cx, cy, 2.5, 0, 7);
  if (node.staleSince === null) ink.fill('spine');
  else ink.stroke('tx3');
}

function frame(ink: Ink, node: SceneNode, { x, y, w, h }: Box, state: CardState): void {
  const c = ink.context;
  if (state.selected || state.pulsing) {
    ink.box(x - 1, y - 1, w + 2, h + 2, 9);
    const before = c.globalAlpha;
    c.globalAlpha = before * 0.35;
    ink.stroke(state.selected ? 'accent' : borderTone(node), 6);
    c.globalAlpha = before;
  }
  ink.box(x, y, w, h, 8);
  ink.fill('card');
  if (node.staleSince !== null) ink.hatch(x, y, w, h, 8);
  if (node.kind === 'external') c.setLineDash([4, 3]);
  ink.box(x, y, w, h, 8);
  ink.stroke(state.selected ? 'accent' : borderTone(node), state.selected ? 1.5 : 1);
  c.setLineDash([]);
}

function borderTone(node: SceneNode): Tone {
  if (node.staleSince !== null) return 'line2';
  return node.health === 'critical' ? 'crit' : node.health === 'warning' ? 'warn' : 'line2';
}

function drawCard(ink: Ink, camera: Camera, node: SceneNode, level: Detail, state: CardState, ages: Ages): void {
  const box = placed(camera, node.box);
  frame(ink, node, box, state);
  drawSpine(ink, node, box, camera.zoom, box.w < NARROW);
  const { x, y, w, h } = box;
  const k = Math.max(0.6, Math.min(1.25, h / 60));
  const lines = level === 'full' ? 3 : h >= 28 && (node.health !== 'passing' || node.staleSince !== null) ? 2 : 1;
  const first = level === 'full' ? y + 18 * k : y + h / 2 + (lines === 1 ? 4 : h >= 34 ? -3 : -2);
  const narrow = w < NARROW;
  const left = x + (level === 'full' ? 17 : narrow ? 9 : 14);
  ink.health(node.health, left, first - 10, 12, 'card', node.staleSince !== null);
  const start = left + (level === 'full' ? 17 : narrow ? 13 : 15);
  const below = narrow && level === 'compact' && lines === 2 && node.total > 0 && ink.width(node.name, 11, 600) + ink.width(counted(node), 11, 600) + 4 > x + w - 3 - start;
  const edge = x + w - (level === 'full' ? 9 : narrow ? 3 : 6);
  const right = below ? edge : countsText(ink, node, edge, first, edge - start - ink.width(node.name, 11, 600));
  // A name that has no room at its size is written smaller before it is cut.
  const size = level === 'full' && ink.width(node.name, 12, 600) <= right - start ? 12 : 11;
  ink.text(node.name, start, first, { tone: 'tx1', size, weight: 600, room: right - start, name: true });
  if (lines >= 2) {
    const words = level === 'full' ? { x: left, y: y + 34 * k, right: x + w - 9 } : { x: start, y: first + (h >= 34 ? 14 : 12), right: below ? edge : x + w - 9 };
    drawWord(ink, node, words, below ? `${counted(node)} ` : '', ages);
  }
  if (lines === 3) drawNumbers(ink, node, left, y + 51 * k, x + w - 9);
  if (node.differs) drawTab(ink, x + w, y);
}

/** `n/m`, or only `m` when all pass. */
function counted({ instances, total, staleSince }: SceneNode): string {
  return instances.passing === total && staleSince === null ? String(total) : `${instances.passing}/${total}`;
}

/** How many instances pass, where the name leaves room for it or some do not. Gives back where the name has to end. */
function countsText(ink: Ink, node: SceneNode, right: number, y: number, spare: number): number {
  if (node.total === 0) return right;
  const passing = node.instances.passing;
  const whole = passing === node.total;
  const text = counted(node);
  if (whole && spare < ink.width(text) + 6) return right;
  const tone = passing < node.total ? (HEALTH[node.health].tone as Tone) : 'tx3';
  ink.text(text, right, y, { tone, weight: whole ? 400 : 600, align: 'right' });
  return right - ink.width(text, 11, 600) - 4;
}

function drawWord(ink: Ink, node: SceneNode, { x, y, right }: { x: number; y: number; right: number }, lead: string, ages: Ages): void {
  const bad = node.health !== 'passing';
  const tone: Tone = node.staleSince !== null ? 'tx1' : bad ? (HEALTH[node.health].tone as Tone) : 'tx3';
  const weight = bad || node.staleSince !== null ? 500 : 400;
  const whole = `${lead}${stateWords(node, ages)}`;
  const short = `${lead}${shortWords(node, ages)}`;
  // Where there is no room, the glyph says the state and the text what it does not say.
  const text = [whole, short].find((text) => ink.width(text, 11, weight) <= right - x) ?? shortWords(node, ages);
  ink.text(text, x, y, { tone, weight, room: right - x });
}

/** `critical 3m 08s`, `stale 12 s`, `unknown · no check`. */
export function stateWords(node: SceneNode, ages: Ages): string {
  if (node.staleSince !== null) return `stale ${ages.of(node.staleSince)}`;
  const since = node.since === null || node.health === 'passing' ? '' : ` ${node.atLeast ? '≥ ' : ''}${ages.of(node.since)}`;
  return node.note === null ? `${node.health}${since}` : `${node.health} · ${node.note}`;
}

function shortWords(node: SceneNode, ages: Ages): string {
  if (node.note !== null) return node.note;
  const since = node.since === null ? null : ages.of(node.staleSince ?? node.since);
  return since === null ? node.health : `${node.atLeast && node.staleSince === null ? '≥ ' : ''}${since}`;
}

/** Rate, errors and p95, each in a column of its own; what has no room loses its unit first. */
function drawNumbers(ink: Ink, node: SceneNode, left: number, y: number, right: number): void {
  if (node.rate === null && node.errors === null && node.p95 === null) {
    ink.text('no calls measured', left, y, { tone: 'tx3', room: right - left });
    return;
  }
  const error = errorTone(node.errors);
  const errors = percent(node.errors, '%');
  const errorWidth = ink.width(errors, 11, error === null ? 400 : 600);
  const fits = (a: string, b: string) => ink.width(a) + errorWidth + ink.width(b) + 12 <= right - left;
  let [speed, slow] = [perSecond(node.rate), latency(node.p95)];
  if (!fits(speed, slow)) slow = slow.replace(/\s/, '');
  if (!fits(speed, slow)) speed = rate(node.rate);
  const [speedEnd, slowStart] = [left + ink.width(speed), right - ink.width(slow)];
  const middle = Math.max(speedEnd + 6 + errorWidth, Math.min(slowStart - 6, left + (right - left) * 0.62));
  ink.text(speed, left, y);
  ink.text(errors, middle, y, { tone: error ?? 'tx2', weight: error === null ? 400 : 600, align: 'right' });
  ink.text(slow, right, y, { align: 'right' });
}

/** One segment per instance, worst at the bottom; proportional when there are many. */
function drawSpine(ink: Ink, node: SceneNode, { x, y, h }: Box, zoom: number, narrow: boolean): void {
  const top = y + 6 * Math.min(1, zoom);
  const room = h - 12 * Math.min(1, zoom);
  const [offset, width] = narrow ? [3, 3] : [6, 4];
  if (node.total === 0) return;
  const many = node.total > MANY;
  const gap = many ? 0 : 2;
  const unit = (room - gap * (node.total - 1)) / node.total;
  let at = top;
  for (const health of SPINE) {
    const n = node.instances[health];
    const pieces = many ? (n > 0 ? 1 : 0) : n;
    const height = many ? (room * n) / node.total : unit;
    for (let i = 0; i < pieces; i += 1) {
      ink.box(x + offset, at, width, height, Math.min(1.5, height / 2));
      ink.fill(health === 'passing' ? 'spine' : (`${HEALTH[health].tone}fill` as Tone));
      at += height + gap;
    }
  }
}

/** `≠` on the upper right corner: sources disagree. The ink is dark in both themes. */
function drawTab(ink: Ink, right: number, top: number): void {
  ink.box(right - 13, top - 8, 20, 16, 4);
  ink.fill('warnfill');
  const c = ink.context;
  c.font = ink.font(13, 700);
  c.textAlign = 'center';
  c.fillStyle = DARK_INK;
  c.fillText('≠', right - 3, top + 5);
}

const DARK_INK = 'black';

function drawPipe(ink: Ink, camera: Camera, node: SceneNode, level: Detail, state: CardState): void {
  const { x, y, w, h } = placed(camera, node.box);
  const c = ink.context;
  const r = Math.min(9, h / 4);
  c.beginPath();
  c.moveTo(x + r, y);
  c.lineTo(x + w - r, y);
  c.ellipse(x + w - r, y + h / 2, r, h / 2, 0, -Math.PI / 2, Math.PI / 2);
  c.lineTo(x + r, y + h);
  c.ellipse(x + r, y + h / 2, r, h / 2, 0, Math.PI / 2, -Math.PI / 2);
  ink.fill('card');
  ink.stroke(state.selected ? 'accent' : borderTone(node), state.selected ? 1.5 : 1);
  c.beginPath();
  c.ellipse(x + r, y + h / 2, r, h / 2, 0, 0, 7);
  ink.fill('raised');
  ink.stroke('line2');
  if (node.kind === 'topic') drawFan(ink, x + r, y + h / 2);
  const text = x + 2 * r + (level === 'full' ? 8 : 4);
  const line = level === 'full' ? y + h * 0.41 : y + h / 2 + 4;
  const room = x + w - r - text;
  // The fan in the mouth says that it is a topic; the word gives way to the name.
  const word = level === 'full' && ink.width(node.name, 12, 600) + ink.width(node.kind) + 12 <= room;
  const size = ink.width(node.name, 12, 600) <= room ? 12 : 11;
  ink.text(node.name, text, line, { tone: 'tx1', size, weight: 600, room, name: true });
  if (level !== 'full') return;
  if (word) ink.text(node.kind, x + w - 16, line, { tone: 'tx3', align: 'right' });
  ink.text(node.detail ?? '', text, y + h * 0.77, { room: x + w - 16 - text });
}

function drawFan(ink: Ink, x: number, y: number): void {
  const c = ink.context;
  c.beginPath();
  c.arc(x, y, 1.5, 0, 7);
  for (const rise of [-6, 0, 6]) {
    c.moveTo(x + 1, y);
    c.lineTo(x + (rise === 0 ? 6 : 5), y + rise);
  }
  ink.stroke('tx2', 1.25);
}

/** A folded group: three sheets, its worst state with the count, and a bar of proportions. */
function drawStack(ink: Ink, camera: Camera, node: SceneNode, level: Detail, state: CardState): void {
  const { x, y, w, h } = placed(camera, node.box);
  for (const shift of [8, 4]) {
    ink.box(x + shift, y + shift, w, h, 8);
    ink.fill('panel');
    ink.stroke('line2');
  }
  ink.box(x, y, w, h, 8);
  ink.fill('card');
  ink.stroke(state.selected ? 'accent' : 'line3', state.selected ? 1.5 : 1);
  const k = h / 76;
  const line = level === 'full' ? y + 19 * k : y + h / 2 + 4;
  const c = ink.context;
  c.beginPath();
  c.moveTo(x + 9, line - 8);
  c.lineTo(x + 13, line - 4);
  c.lineTo(x + 9, line);
  ink.stroke('tx2', 1.5);
  const said = ink.width(node.name, 12, 600) + ink.width('folded') + 40 <= w;
  if (said) ink.text('folded', x + w - 9, line, { tone: 'tx3', align: 'right' });
  ink.text(node.name, x + 20, line, { tone: 'tx1', size: 12, weight: 600, room: w - 26 - (said ? ink.width('folded') + 8 : 0), name: true });
  if (level !== 'full') return;
  ink.text(node.detail ?? '', x + 12, y + 36 * k, { room: w - 21 });
  const worst = SPINE.findLast((health) => node.instances[health] > 0) ?? 'unknown';
  ink.health(worst, x + 12, y + 43 * k, 11);
  ink.text(`${node.instances[worst]} ${worst}`, x + 27, y + 53 * k, { tone: HEALTH[worst].tone as Tone, weight: 500 });
  drawBar(ink, node, { x: x + 12, y: y + 63 * k, w: w - 24, h: 4 });
}

function drawBar(ink: Ink, node: SceneNode, { x, y, w, h }: Box): void {
  let at = x;
  for (const health of SPINE) {
    const width = (w * node.instances[health]) / Math.max(1, node.total);
    if (width <= 0) continue;
    ink.box(at, y, Math.max(2, width - 2), h, 2);
    ink.fill(health === 'passing' ? 'spine' : (`${HEALTH[health].tone}fill` as Tone));
    at += width;
  }
}
