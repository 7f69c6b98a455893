/** The theme on the document: what the person chose, or what the system has. */
import type { Theme } from '../host/contract/types';

/** Grows with each change of the colours: who draws by hand reads it and draws anew. */
let changes = $state(0);
let counted = 0;

export const colours = {
  get changes(): number {
    return changes;
  },
};

/** Follows the choice and the system until the returned function is called. */
export function themed(choice: () => Theme): () => void {
  const wanted = choice();
  const system = matchMedia('(prefers-color-scheme: light)');
  const apply = () => {
    const dark = wanted === 'system' ? !system.matches : wanted === 'dark';
    document.documentElement.dataset['theme'] = dark ? 'dark' : 'light';
    // Assigned, not read: who follows this must not follow itself.
    counted += 1;
    changes = counted;
  };
  apply();
  system.addEventListener('change', apply);
  return () => system.removeEventListener('change', apply);
}
