// Whether a process is frozen with its cgroup, as `docker pause` and a checkpoint do. It runs nothing then, and no state letter
// of /proc says so.

import { kernelText } from '../util/kernel-text'

/** The last is where the one before may have been built into; whoever sleeps there is in it. */
const IN_FREEZER = /^(__refrigerator|do_freezer_trap|get_signal)/

/** REQUIRES: its state letter is S or D. */
export function isFrozen(pid: number): boolean {
  return IN_FREEZER.test(kernelText(`/proc/${pid}/wchan`) ?? '') || cgroupFiles(pid).some(saysFrozen)
}

/** Where the kernel says it, if we may not ask where the process waits: version 2, and version 1. */
function cgroupFiles(pid: number): string[] {
  return (kernelText(`/proc/${pid}/cgroup`) ?? '').split('\n').flatMap((line) => {
    const [, number, controllers, path] = /^(\d+):([^:]*):(.*)$/.exec(line) ?? []
    if (number === '0') return ['', '/unified'].map((root) => `/sys/fs/cgroup${root}${path}/cgroup.events`)
    return controllers?.split(',').includes('freezer') ? [`/sys/fs/cgroup/freezer${path}/freezer.state`] : []
  })
}

function saysFrozen(file: string): boolean {
  return /^(frozen 1|FROZEN)$/m.test(kernelText(file) ?? '')
}
