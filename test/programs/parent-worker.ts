// A worker with a child of its own that outlives it. argv: baseDir.

import { spawn } from 'node:child_process'
import { Scoreboard } from '../../lib'

const board = new Scoreboard({ baseDir: process.argv[2]!, workerId: 'parent' })
board.update('before')

process.on('message', () => {
  const child = spawn('sleep', ['1000'], { detached: true, stdio: 'ignore' })
  child.unref()
  board.update('with child')
  process.send!({ pid: child.pid })
})
process.on('disconnect', () => process.exit(0))
process.send!('ready')
