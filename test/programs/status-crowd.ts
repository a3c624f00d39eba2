// Many workers in one process, a handle each: `{ baseDir, count, perSecond }`; `fill` makes their statuses longer. They publish all the time;
// told 'rest' they publish one last status, 'at rest', and tell how many updates there were; 'work'
// sets them going again.

import { Scoreboard } from '../../lib'

const {
  baseDir,
  count,
  perSecond,
  fill = 0,
} = JSON.parse(process.argv[2]!) as {
  baseDir: string
  count: number
  perSecond: number
  fill?: number
}
const STEP_MS = 10
const filling = '.'.repeat(fill)

const boards = Array.from({ length: count }, (_, i) => {
  const board = new Scoreboard({ baseDir, workerId: `crowd-${i}` })
  board.update('begins')
  return board
})
let updates = count
let owed = 0
let at = performance.now()
let timer: NodeJS.Timeout | undefined

function work(): void {
  at = performance.now()
  timer = setInterval(() => {
    const now = performance.now()
    // What a busy machine has kept it from doing is made up for, within reason.
    owed += (Math.min(now - at, 100) / 1000) * perSecond
    at = now
    for (; owed >= 1; owed--, updates++) boards[updates % count]!.update(`job ${updates} ${filling}`)
  }, STEP_MS)
}

process.on('message', (message) => {
  clearInterval(timer)
  if (message === 'work') {
    work()
    return
  }
  for (const board of boards) board.update('at rest')
  updates += count
  process.send!({ updates })
})
process.on('disconnect', () => process.exit(0))
if (perSecond > 0) work()
process.send!('ready')
