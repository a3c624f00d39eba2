// Waits in the kernel for the end of a process and tells when that was.

import { loadFloor } from '../harness/floor'

const floor = loadFloor()
const pidfd = floor.pidfdOpen(Number(process.argv[2]))
process.send!('ready', () => {
  process.send!(floor.pidfdWait(pidfd), () => process.exit())
})
process.on('disconnect', () => process.exit())
