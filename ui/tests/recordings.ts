import type { Recording } from '../src/host/recorded';
import demo from '../src/host/recorded/demo.json';
import { crowd } from './crowd';
import { firstLook } from './first-look';
import { shop } from './shop';

export const recordings: Readonly<Record<string, () => Recording>> = {
  /** What the real app answered about its demo fleet. */
  demo: () => demo as unknown as Recording,
  shop,
  crowd,
  'first-look': firstLook,
};
