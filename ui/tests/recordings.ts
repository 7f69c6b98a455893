import type { Recording } from '../src/host/recorded';
import { crowd } from './crowd';
import { firstLook } from './first-look';
import { shop } from './shop';

export const recordings: Readonly<Record<string, () => Recording>> = { shop, crowd, 'first-look': firstLook };
