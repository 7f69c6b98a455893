/** Walking the topology by the arrow keys: along calls to the sides, up and down among siblings. Pure. */
import { byName } from '../collation';
import { middle } from './geometry';
import { byHarm, type Scene, type SceneNode } from './scene';

export type Step = 'ArrowRight' | 'ArrowLeft' | 'ArrowUp' | 'ArrowDown';

/** The node that a key leads to; the same one where there is no way on. Without a start: the worst one. */
export function walk(scene: Scene, from: string | null, step: Step): string | null {
  const here = scene.nodes.find((node) => node.id === from);
  if (here === undefined) return worst(scene)?.id ?? null;
  switch (step) {
    case 'ArrowRight':
      return along(scene, here, scene.edges.filter((edge) => edge.from === here.id).map((edge) => edge.to));
    case 'ArrowLeft':
      return along(scene, here, scene.edges.filter((edge) => edge.to === here.id).map((edge) => edge.from));
    case 'ArrowUp':
      return sibling(scene, here, -1);
    case 'ArrowDown':
      return sibling(scene, here, 1);
  }
}

/** The worst node, of equals the first by name. */
export function worst(scene: Scene): SceneNode | null {
  return problems(scene)[0] ?? scene.nodes[0] ?? null;
}

/** Everything that does not pass, worst first. */
export function problems(scene: Scene): SceneNode[] {
  return scene.nodes
    .filter((node) => node.health !== 'passing' && node.health !== 'unknown')
    .toSorted((a, b) => byHarm(a.health, b.health) || byName(a.name, b.name));
}

/** Of several partners the nearest in height, so that the walk goes straight on where it can. */
function along(scene: Scene, here: SceneNode, ids: readonly string[]): string {
  const [, y] = middle(here.box);
  const partners = scene.nodes.filter((node) => node.id !== here.id && ids.includes(node.id));
  const [next] = partners.toSorted((a, b) => Math.abs(middle(a.box)[1] - y) - Math.abs(middle(b.box)[1] - y));
  return (next ?? here).id;
}

/** The next card above or below: in the same column first, else the nearest one in that direction. */
function sibling(scene: Scene, here: SceneNode, direction: 1 | -1): string {
  const [x, y] = middle(here.box);
  const beyond = scene.nodes.filter((node) => (middle(node.box)[1] - y) * direction > 0.5);
  const sameColumn = (node: SceneNode) => Math.abs(middle(node.box)[0] - x) < here.box.w / 2;
  const cost = (node: SceneNode) => {
    const [nx, ny] = middle(node.box);
    return Math.abs(ny - y) + (sameColumn(node) ? 0 : 10_000 + Math.abs(nx - x));
  };
  const [next] = beyond.toSorted((a, b) => cost(a) - cost(b));
  return (next ?? here).id;
}
