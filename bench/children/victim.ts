// A worker that claims a slot under a given id and waits to be killed.

import { Scoreboard } from '../../lib'

const [dir, id] = process.argv.slice(2)
new Scoreboard({ baseDir: dir!, workerId: id! }).update('waiting')
process.send!('ready')
process.on('disconnect', () => process.exit())
