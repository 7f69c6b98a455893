/** The app over a recording, in a plain browser. `?recording=shop` chooses which. */
import '../src/tokens.css';
import '../src/base.css';
import { mount } from 'svelte';
import App from '../src/App.svelte';
import { RecordedHost } from '../src/host/recorded';
import { recordings } from './recordings';

declare global {
  interface Window {
    host: RecordedHost;
  }
}

const name = new URLSearchParams(location.search).get('recording') ?? 'shop';
const recording = recordings[name];
const target = document.getElementById('app');
if (recording === undefined || target === null) throw new Error(`there is no recording ${name}`);
window.host = new RecordedHost(recording());
mount(App, { target, props: { host: window.host } });
