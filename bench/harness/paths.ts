// Where things are, seen from dist/bench/harness.

import path from 'node:path'

export const ROOT = path.join(__dirname, '..', '..', '..')
export const NATIVE_DIR = path.join(ROOT, 'bench', 'native')
export const FLOOR_ADDON = path.join(NATIVE_DIR, 'build', 'Release', 'floor.node')
export const CROWD_PROGRAM = path.join(NATIVE_DIR, 'build', 'Release', 'crowd')
export const RIVALS_DIR = path.join(ROOT, 'bench', 'rivals')
export const CHILDREN_DIR = path.join(__dirname, '..', 'children')
export const TRIAL_PROGRAM = path.join(__dirname, 'trial.js')
