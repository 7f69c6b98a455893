/** Drawing on a 2D canvas with the tokens of the theme: text, boxes, hatches and glyphs. */
import { BREAKER, HEALTH, PADLOCK, QUESTION_MARK, STALE_DASH, type BreakerState, type HealthState } from '../glyphs';
import { shortened, shortenedName } from './shortened';

const TOKENS = [
  'canvas', 'panel', 'card', 'raised', 'line1', 'line2', 'line3', 'tx1', 'tx2', 'tx3', 'accent', 'pass', 'warn', 'crit', 'maint', 'unk',
  'passfill', 'warnfill', 'critfill', 'maintfill', 'unkfill', 'spine', 'edge', 'edgehi', 'group', 'groupline', 'hatch',
] as const;
export type Tone = (typeof TOKENS)[number];
export type Palette = Readonly<Record<Tone, string>> & { readonly font: string };

/** The tokens as the document has them now. */
export function palette(): Palette {
  const style = getComputedStyle(document.documentElement);
  const read = (name: string) => style.getPropertyValue(`--${name}`).trim();
  const colours = Object.fromEntries(TOKENS.map((name) => [name, read(name)])) as Record<Tone, string>;
  return { ...colours, font: read('font') };
}

const paths = new Map<string, Path2D>();

function path(d: string): Path2D {
  let built = paths.get(d);
  if (built === undefined) {
    built = new Path2D(d);
    paths.set(d, built);
  }
  return built;
}

export type Weight = 400 | 500 | 600 | 700;

export interface TextStyle {
  readonly tone?: Tone;
  readonly size?: 11 | 12 | 13;
  readonly weight?: Weight;
  readonly align?: CanvasTextAlign;
  /** Room; longer text is cut, and an ellipsis says so. */
  readonly room?: number;
  /** Whether it is a name, which keeps its last part. */
  readonly name?: boolean;
}

/** A canvas with the theme's ink. Made anew for each theme and pixel ratio. */
export class Ink {
  private readonly sprites = new Map<string, HTMLCanvasElement>();
  private readonly widths = new Map<string, number>();

  constructor(
    readonly context: CanvasRenderingContext2D,
    readonly colours: Palette,
    readonly ratio: number,
  ) {}

  font(size: number, weight: Weight): string {
    return `${weight} ${size}px ${this.colours.font}`;
  }

  width(text: string, size = 11, weight: Weight = 400): number {
    const font = this.font(size, weight);
    const key = `${font}|${text}`;
    let width = this.widths.get(key);
    if (width === undefined) {
      this.context.font = font;
      width = this.context.measureText(text).width;
      // Ages change every second; the cache must not grow with them.
      if (this.widths.size > 5000) this.widths.clear();
      this.widths.set(key, width);
    }
    return width;
  }

  /** The text as far as there is room for it. */
  fitting(text: string, room: number, size = 11, weight: Weight = 400, name = false): string {
    const fits = (shown: string) => this.width(shown, size, weight) <= room;
    return name ? shortenedName(text, fits) : shortened(text, fits);
  }

  text(text: string, x: number, y: number, style: TextStyle = {}): void {
    const { tone = 'tx2', size = 11, weight = 400, align = 'left', room, name } = style;
    const c = this.context;
    const shown = room === undefined ? text : this.fitting(text, room, size, weight, name);
    c.font = this.font(size, weight);
    c.fillStyle = this.colours[tone];
    c.textAlign = align;
    c.fillText(shown, x, y);
  }

  box(x: number, y: number, w: number, h: number, radius: number): void {
    this.context.beginPath();
    this.context.roundRect(x, y, Math.max(0, w), Math.max(0, h), radius);
  }

  fill(tone: Tone): void {
    this.context.fillStyle = this.colours[tone];
    this.context.fill();
  }

  stroke(tone: Tone, width = 1): void {
    this.context.strokeStyle = this.colours[tone];
    this.context.lineWidth = width;
    this.context.stroke();
  }

  /** The pattern of stale ground, inside a rounded box. */
  hatch(x: number, y: number, w: number, h: number, radius: number): void {
    const c = this.context;
    c.save();
    this.box(x, y, w, h, radius);
    c.clip();
    c.beginPath();
    for (let at = -h; at < w; at += 9) {
      c.moveTo(x + at, y + h);
      c.lineTo(x + at + h, y);
    }
    this.stroke('hatch');
    c.restore();
  }

  /** A health glyph with its upper left corner at (x, y), from a sprite. */
  health(state: HealthState, x: number, y: number, size: number, ground: Tone = 'card', stale = false): void {
    const key = `${state}|${size}|${ground}|${stale}`;
    let sprite = this.sprites.get(key);
    if (sprite === undefined) {
      sprite = document.createElement('canvas');
      sprite.width = Math.ceil(size * this.ratio);
      sprite.height = sprite.width;
      const c = sprite.getContext('2d');
      if (c === null) return;
      c.scale((size / 16) * this.ratio, (size / 16) * this.ratio);
      this.drawHealth(c, state, ground, stale);
      this.sprites.set(key, sprite);
    }
    this.context.drawImage(sprite, x, y, size, size);
  }

  private drawHealth(c: CanvasRenderingContext2D, state: HealthState, ground: Tone, stale: boolean): void {
    const glyph = HEALTH[state];
    const tone = this.colours[glyph.tone as Tone];
    const hollow = stale || !glyph.filled;
    if (hollow) {
      c.strokeStyle = tone;
      c.lineWidth = 1.5;
      c.setLineDash(stale ? [...STALE_DASH] : [...(glyph.dash ?? [])]);
      c.stroke(path(glyph.silhouette));
      c.setLineDash([]);
    } else {
      c.fillStyle = this.colours[`${glyph.tone}fill` as Tone];
      c.fill(path(glyph.silhouette));
    }
    c.strokeStyle = hollow ? tone : this.colours[ground];
    c.lineWidth = 1.8;
    c.lineCap = 'round';
    c.lineJoin = 'round';
    c.stroke(path(glyph.mark));
  }

  /** A switch with the middle of its wire at (x, y), turned so that the wires run straight into its terminals. */
  breaker(state: BreakerState, x: number, y: number, size: number, angle: number, ground: Tone): void {
    const glyph = BREAKER[state];
    const c = this.context;
    const tone = this.colours[glyph.tone as Tone];
    const k = size / 24;
    // On an edge that falls steeply the lever would lie on its wire: it is mirrored.
    const mirror = angle > STEEP ? -1 : 1;
    c.save();
    c.translate(x, y);
    c.rotate(angle);
    c.scale(k, k * mirror);
    c.translate(-12, -14);
    c.lineCap = 'round';
    c.strokeStyle = tone;
    this.line(glyph.lever, 2, glyph.dash);
    if (glyph.arc !== undefined) this.line(glyph.arc, 1.5, [1.5, 2]);
    if (glyph.jumper !== undefined) this.line(glyph.jumper, 1.5);
    this.terminals(tone, ground);
    c.restore();
    if (glyph.locked) this.upright(x, y, k, angle, mirror, () => this.padlock(tone));
    if (glyph.question) this.upright(x, y, k, angle, mirror, () => this.question(tone));
  }

  private line(d: string, width: number, dash: readonly number[] = []): void {
    this.context.lineWidth = width;
    this.context.setLineDash([...dash]);
    this.context.stroke(path(d));
    this.context.setLineDash([]);
  }

  private terminals(tone: string, ground: Tone): void {
    const c = this.context;
    c.fillStyle = tone;
    c.beginPath();
    c.arc(4, 14, 2, 0, 7);
    c.fill();
    c.beginPath();
    c.arc(20, 14, 2, 0, 7);
    this.fill(ground);
    c.lineWidth = 1.5;
    c.stroke();
  }

  /** Draws something at the lock's place of a turned switch, itself not turned. */
  private upright(x: number, y: number, k: number, angle: number, mirror: number, draw: () => void): void {
    const c = this.context;
    const [lx, ly] = [7.25 * k, -7 * k * mirror];
    c.save();
    c.translate(x + lx * Math.cos(angle) - ly * Math.sin(angle), y + lx * Math.sin(angle) + ly * Math.cos(angle));
    c.scale(k, k);
    draw();
    c.restore();
  }

  private padlock(tone: string): void {
    const c = this.context;
    c.translate(-19.25, -6.5);
    c.fillStyle = tone;
    c.fill(path(PADLOCK.body));
    c.strokeStyle = tone;
    this.line(PADLOCK.shackle, 1.3);
  }

  private question(tone: string): void {
    this.context.translate(-8, -9);
    this.context.strokeStyle = tone;
    this.line(QUESTION_MARK, 1.5);
  }
}

/** 35°, in radians. */
const STEEP = 0.61;
