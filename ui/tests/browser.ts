/** A plain browser with the app over a recording: what every test of this folder starts from. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type BrowserContext, type Page } from 'playwright-core';
import { build, preview, type PreviewServer } from 'vite';
import type { RecordedHost } from '../src/host/recorded';

declare global {
  interface Window {
    host: RecordedHost;
  }
}

/** The browser of the system; nothing is downloaded. */
const EXECUTABLE = process.env['BINNACLE_BROWSER'] ?? '/usr/bin/chromium';
const FLAGS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync',
];

/** How long a state may take to come: it bounds a failure, not a success. */
const PATIENCE = 20_000;

export interface Look {
  readonly recording?: string;
  readonly width?: number;
  readonly height?: number;
  readonly scheme?: 'dark' | 'light';
}

export class Browser {
  private constructor(
    private readonly server: PreviewServer,
    private readonly context: BrowserContext,
    private readonly profile: string,
    private readonly address: string,
  ) {}

  /** `textSize` is what the person has set as the size of text, 16 where they have not. */
  static async start(textSize = 16): Promise<Browser> {
    const root = join(import.meta.dirname, '..');
    const profile = await mkdtemp(join(tmpdir(), 'binnacle-browser-'));
    const outDir = join(profile, 'page');
    await build({ root, logLevel: 'error', build: { outDir, emptyOutDir: true, minify: false, rollupOptions: { input: join(root, 'tests/page.html') } } });
    const server = await preview({ root, logLevel: 'error', build: { outDir }, preview: { host: '127.0.0.1', port: 0, strictPort: false, open: false } });
    const at = server.httpServer.address();
    if (at === null || at === undefined || typeof at === 'string') throw new Error('the server has no port');
    const context = await chromium.launchPersistentContext(join(profile, 'profile'), {
      executablePath: EXECUTABLE, headless: true, args: [...FLAGS, `--blink-settings=defaultFontSize=${textSize}`], reducedMotion: 'reduce', timezoneId: 'Europe/Berlin', locale: 'en-GB',
    });
    context.setDefaultTimeout(PATIENCE);
    return new Browser(server, context, profile, `http://127.0.0.1:${at.port}`);
  }

  /** Opens the app and waits until its first screen is drawn. What the page complains of fails the test that looks. */
  async open({ recording = 'shop', width = 1280, height = 800, scheme = 'dark' }: Look = {}): Promise<Page & { complaints: string[] }> {
    const page = Object.assign(await this.context.newPage(), { complaints: [] as string[] });
    page.on('pageerror', (error) => page.complaints.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') page.complaints.push(message.text());
    });
    await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' });
    await page.setViewportSize({ width, height });
    await page.goto(`${this.address}/tests/page.html?recording=${recording}`);
    await page.getByRole('main').waitFor();
    await page.getByRole('navigation', { name: 'Screens' }).waitFor();
    return page;
  }

  async stop(): Promise<void> {
    await this.context.close();
    await this.server.close();
    await rm(this.profile, { recursive: true, force: true });
  }
}

/** Two frames: what was drawn is what was asked for. */
export async function settled(page: Page): Promise<void> {
  await page.evaluate(() => new Promise<void>((done) => requestAnimationFrame(() => requestAnimationFrame(() => done()))));
}
