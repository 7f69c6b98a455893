/**
 * Glyph geometry: one path per shape, drawn by the canvas (`new Path2D(d)`) and by inline SVG alike.
 * Silhouette, mark and word carry a state together; colour never does so alone.
 */

/** A colour token without its leading dashes. */
export type Token = string;

export const HEALTHS = ['critical', 'warning', 'maintenance', 'unknown', 'passing'] as const;
export type HealthState = (typeof HEALTHS)[number];

export interface HealthGlyph {
  /** Token of text and outline; `…fill` of shapes and `…bg` of tinted boxes follow from it. */
  readonly tone: Token;
  readonly silhouette: string;
  /** Filled shapes cut their mark out in the colour of the ground. */
  readonly filled: boolean;
  readonly mark: string;
  readonly dash?: readonly [number, number];
}

const DISC = 'M8 2.25a5.75 5.75 0 1 1 0 11.5a5.75 5.75 0 1 1 0-11.5Z';
const QUESTION = 'M6.3 6.5a1.75 1.75 0 1 1 2.5 1.6c-.5.25-.8.6-.8 1.1M8 11.3v.1';

/** Health glyphs in a box of 16 × 16. */
export const HEALTH: Record<HealthState, HealthGlyph> = {
  passing: { tone: 'pass', silhouette: DISC, filled: false, mark: 'M5.3 8.3 7.2 10.2 10.8 6.1' },
  warning: {
    tone: 'warn',
    silhouette: 'M7.13 1.9a1 1 0 0 1 1.74 0l6.3 11.1a1 1 0 0 1-.87 1.5H1.7a1 1 0 0 1-.87-1.5Z',
    filled: true,
    mark: 'M8 5.8v4.1M8 12.2v.1',
  },
  critical: {
    tone: 'crit',
    silhouette: 'M7.3 .9a1 1 0 0 1 1.4 0l6.4 6.4a1 1 0 0 1 0 1.4l-6.4 6.4a1 1 0 0 1-1.4 0L.9 8.7a1 1 0 0 1 0-1.4Z',
    filled: true,
    mark: 'M5.9 5.9 10.1 10.1M10.1 5.9 5.9 10.1',
  },
  maintenance: {
    tone: 'maint',
    silhouette: 'M3.5 2h9A1.5 1.5 0 0 1 14 3.5v9a1.5 1.5 0 0 1-1.5 1.5h-9A1.5 1.5 0 0 1 2 12.5v-9A1.5 1.5 0 0 1 3.5 2Z',
    filled: true,
    mark: 'M6.2 5.4v5.2M9.8 5.4v5.2',
  },
  unknown: { tone: 'unk', silhouette: DISC, filled: false, dash: [2.4, 1.6], mark: QUESTION },
};

/** The dash of the last known silhouette of something stale. */
export const STALE_DASH: readonly [number, number] = [2, 1.5];

export type BreakerState = 'closed' | 'half_open' | 'open' | 'forced_open' | 'disabled' | 'unknown';

export interface BreakerGlyph {
  readonly tone: Token;
  readonly lever: string;
  readonly word: string;
  readonly dash?: readonly [number, number];
  /** The way that the lever still has to go. */
  readonly arc?: string;
  /** A wire around the switch: calls bypass it. */
  readonly jumper?: string;
  readonly locked?: true;
  readonly question?: true;
}

/** Breaker glyphs in a box of 24 × 24: the wire on y = 14, terminals at x 4 and 20, the pivot left. */
export const BREAKER: Record<BreakerState, BreakerGlyph> = {
  closed: { tone: 'tx3', lever: 'M4 14H20', word: 'closed' },
  half_open: { tone: 'warn', lever: 'M4 14 18.8 7.9', arc: 'M18.8 7.9A16 16 0 0 1 20 14', word: 'half-open' },
  open: { tone: 'crit', lever: 'M4 14 14.3 1.7', word: 'open' },
  forced_open: { tone: 'maint', lever: 'M4 14 14.3 1.7', locked: true, word: 'forced open' },
  disabled: { tone: 'tx3', lever: 'M4 14H20', dash: [2, 2], jumper: 'M4 14C4 2 20 2 20 14', word: 'disabled' },
  unknown: { tone: 'unk', lever: 'M6.5 14H17.5', dash: [1, 3], question: true, word: 'unknown' },
};

/** The padlock of a breaker that a person holds open. */
export const PADLOCK = { body: 'M16 5.5h6.5v5H16Z', shackle: 'M17.4 5.5V4.1a1.85 1.85 0 0 1 3.7 0v1.4' } as const;

/** The question mark of the health box, for the breaker that nobody reports. */
export const QUESTION_MARK = QUESTION;

/** Kinds of breakers in a box of 14 × 14. */
export const BREAKER_KIND = {
  failure: { lines: 'M4 4l6 6M10 4l-6 6', discs: [] },
  capacity: { lines: 'M2.5 12V8M5.5 12V5.5M8.5 12V3M11.5 12V7', discs: [] },
  endpoint: {
    lines: 'M5 6.5 10 3.5M5 7.5l5 3',
    discs: [
      [3, 7, 1.8],
      [11.2, 3, 1.6],
      [11.2, 11, 1.6],
    ],
  },
} as const;
export type BreakerKindName = keyof typeof BREAKER_KIND;

/** Tool and rail icons in a box of 20 × 20, stroked 1.5 wide. */
export const ICON = {
  topology:
    'M4 5.5a2 2 0 1 0 0-.01M16 4a2 2 0 1 0 0-.01M10 15.5a2 2 0 1 0 0-.01M5.8 6.6 8.8 13.9M14.9 5.6 11.1 13.8M6 5.3 14 4.2',
  services: 'M3 3.5h14v4H3zM3 10h14v4H3zM6 5.5h.01M6 12h.01M6 17h8',
  health: 'M2 10.5h4l2-5 3.5 9 2-4H18',
  breakers: 'M1 13h3M16 13h3M5 13 13.5 4.5M6 13a1 1 0 1 1-2 0 1 1 0 0 1 2 0ZM16.5 13a1 1 0 1 1-2 0 1 1 0 0 1 2 0Z',
  config:
    'M7 3C4.5 3 5.5 6.5 5 8.2 4.7 9.3 4 10 3 10c1 0 1.7.7 2 1.8C5.5 13.5 4.5 17 7 17M13 3c2.5 0 1.5 3.5 2 5.2.3 1.1 1 1.8 2 1.8-1 0-1.7.7-2 1.8-.5 1.7.5 5.2-2 5.2',
  disagreements: 'M4 7.5h12M4 12.5h12M13 4 7 16',
  sources: 'M7 2.5v4M13 2.5v4M5 6.5h10v3.5a5 5 0 0 1-10 0zM10 15v3',
  search: 'M9 3.5a5.5 5.5 0 1 1 0 11 5.5 5.5 0 1 1 0-11M13 13l4 4',
  down: 'M6 8l4 4 4-4',
  right: 'M8 6l4 4-4 4',
  close: 'M5.5 5.5l9 9M14.5 5.5l-9 9',
  plus: 'M10 4.5v11M4.5 10h11',
  minus: 'M4.5 10h11',
  fit: 'M3.5 7.5v-4h4M16.5 7.5v-4h-4M3.5 12.5v4h4M16.5 12.5v4h-4',
  table: 'M3 4h14v12H3zM3 8h14M3 12h14M8 4v12',
  pin: 'M7 3h6l-1 5 3 3H5l3-3zM10 11v6',
  edit: 'M4 16l1-4 8.5-8.5 3 3L8 15z',
  undo: 'M7 4 3.5 7.5 7 11M4 7.5h8a4.25 4.25 0 0 1 0 8.5H8',
  lock: 'M5 9h10v8H5zM7 9V6.5a3 3 0 0 1 6 0V9',
  file: 'M5 2.5h6.5L15 6v11.5H5zM11 2.5V6.5h4',
  folder: 'M2.5 5h5l1.5 2h8.5v9H2.5z',
  clock: 'M10 2.8a7.2 7.2 0 1 1 0 14.4 7.2 7.2 0 1 1 0-14.4M10 6v4.2l2.8 1.8',
  play: 'M6 4l10 6-10 6z',
  check: 'M4 10.5l4 4 8-9',
  shield: 'M10 2.5l6 2.3v4.7c0 4-2.6 6.6-6 8-3.4-1.4-6-4-6-8V4.8z',
  users: 'M7.5 9.5a3 3 0 1 0 0-.01M2.5 16.5c0-3 2.2-4.5 5-4.5s5 1.5 5 4.5M13 4.5a2.6 2.6 0 0 1 0 5M14.5 12.2c2 .5 3 1.9 3 4.3',
  branch: 'M6 3v14M6 12c0-4 8-2 8-7M14 5v-2',
  live: 'M10 10h.01M6.5 13.5a5 5 0 0 1 0-7M13.5 6.5a5 5 0 0 1 0 7',
  sun: 'M10 6.5a3.5 3.5 0 1 1 0 7 3.5 3.5 0 1 1 0-7M10 2v1.5M10 16.5V18M2 10h1.5M16.5 10H18M4.3 4.3l1.1 1.1M14.6 14.6l1.1 1.1M15.7 4.3l-1.1 1.1M5.4 14.6l-1.1 1.1',
  terminal: 'M3 4h14v12H3zM6 8l2.5 2L6 12M10.5 12.5H14',
  bin: 'M4 5.5h12M8 5.5v-2h4v2M5.5 5.5l1 11h7l1-11M8.5 8.5v5M11.5 8.5v5',
} as const;
export type IconName = keyof typeof ICON;
