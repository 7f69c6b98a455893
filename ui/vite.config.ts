import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  plugins: [svelte()],
  // The oldest engine that shows the window: WebKitGTK of Debian 12.
  build: { target: 'safari16', outDir: 'dist', emptyOutDir: true, sourcemap: false },
  // Tauri's own development server address; nothing but loopback.
  server: { host: '127.0.0.1', port: 5173, strictPort: true },
  clearScreen: false,
  test: {
    projects: [
      { extends: true, test: { name: 'unit', include: ['src/**/*.test.ts'], environment: 'node' } },
      {
        extends: true,
        test: {
          name: 'browser',
          include: ['tests/**/*.test.ts'],
          environment: 'node',
          testTimeout: 60_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
