/** The host inside the app's own window. The only file that knows Tauri. */
import { Channel, invoke } from '@tauri-apps/api/core';
import type { Notice, View } from './contract/types';
import { asFailure, Refusal, type Args, type CommandName, type Host, type Result } from './index';

async function call<N extends CommandName>(name: N, args: Args<N>, more: Record<string, unknown> = {}): Promise<Result<N>> {
  try {
    return await invoke<Result<N>>(name, { args, ...more });
  } catch (thrown) {
    throw new Refusal(asFailure(thrown));
  }
}

export function tauriHost(): Host {
  return {
    call,
    now: () => Date.now(),
    async subscribe(views: View[], onNotice: (notice: Notice) => void) {
      const notices = new Channel<Notice>();
      notices.onmessage = onNotice;
      await call('subscribe', { views }, { notices });
    },
  };
}
