// Holds the claim lock of a board and does nothing, like a claimer that was stopped. The lock is a
// record lock on byte 0, as docs/FORMAT.md says; Python's fcntl takes it from outside our code.
// argv: path of the board file.

import { spawn } from 'node:child_process'

const script = `
import fcntl, os, struct, sys
fd = os.open(sys.argv[1], os.O_RDWR)
F_OFD_SETLK = 37
fcntl.fcntl(fd, F_OFD_SETLK, struct.pack('hhqqi4x', fcntl.F_WRLCK, 0, 0, 1, 0))
print('held', flush=True)
sys.stdin.read()
`
const holder = spawn('python3', ['-c', script, process.argv[2]!], { stdio: ['pipe', 'pipe', 'inherit'] })
holder.stdout.once('data', () => process.send!('ready'))
