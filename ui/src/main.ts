import './tokens.css';
import './base.css';
import { mount } from 'svelte';
import App from './App.svelte';
import { tauriHost } from './host/tauri';

const target = document.getElementById('app');
if (target === null) throw new Error('index.html has no element with the id app');
mount(App, { target, props: { host: tauriHost() } });

// The frame after the one that draws: then the first is on screen. `make bench` reads the mark.
requestAnimationFrame(() => requestAnimationFrame(() => performance.mark('first frame')));
