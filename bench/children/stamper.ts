// Publishes, or sends, the time on the machine's clock, every few milliseconds until it is ended.

import { Scoreboard } from '../../lib'

const [how, dir] = process.argv.slice(2)
const board = how === 'board' ? new Scoreboard({ baseDir: dir! }) : undefined

function tell(): void {
  const stamp = String(process.hrtime.bigint())
  if (board === undefined) process.send!(stamp)
  else board.update(stamp)
  // At odd times, so that no timer of the other side keeps step with us.
  setTimeout(tell, 2 + Math.random() * 6)
}

process.on('disconnect', () => process.exit())
setTimeout(tell, 100)
