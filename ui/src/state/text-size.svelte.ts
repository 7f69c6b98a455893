/** How large the person wants text, against the size of the design. What is laid out by numbers is multiplied by it. */

let scale = $state(1);

export const text = {
  get scale(): number {
    return scale;
  },
  set scale(next: number) {
    if (next > 0) scale = next;
  },
};
