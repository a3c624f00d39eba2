// The types of the package, as a program meets them that is an ES module or, under another name, CommonJS.

import { Scoreboard, ScoreboardError, type Snapshot, WatchdogQueue } from 'rollcall'

const board: Scoreboard = new Scoreboard({ baseDir: '/nowhere' })
export const workers: ReadonlyMap<string, unknown> = board.readAll()
export const snapshot: Snapshot = board.snapshot({ includeDead: true })
interface Doing {
  path: string
}
const typed = new Scoreboard<Doing, 'images'>({ baseDir: '/nowhere', counters: { images: 'counter' } })
typed.update({ path: '/' })
typed.counters.add('images')
// @ts-expect-error: no such counter
typed.counters.add('imagez')
export const images: number = typed.totals().images
// @ts-expect-error: no such option
new Scoreboard({ baseDir: '/nowhere', slotz: 3 })
// @ts-expect-error: an item is text here
void WatchdogQueue.connect<string>('local:/nowhere').then((queue) => queue.add([7]))
export const queue: Promise<WatchdogQueue> = WatchdogQueue.connect('local:/nowhere')
export { ScoreboardError }
