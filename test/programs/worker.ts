// A worker that does as it is told: each message { method, args } is a call on its Scoreboard,
// each answer { value } or { code, message }.

import { Scoreboard, type ScoreboardError, type ScoreboardOptions } from '../../lib'

const options = JSON.parse(process.argv[2]!) as ScoreboardOptions
let board: Scoreboard

interface Request {
  method: 'open' | 'claim' | 'update' | 'close' | 'workerId' | 'exit' | 'readAll'
  args?: [never]
}

function perform({ method, args = [undefined as never] }: Request): unknown {
  if (method === 'open') board = new Scoreboard(options)
  else if (method === 'workerId') return board.workerId
  else if (method === 'exit') setImmediate(() => process.exit(0))
  else return board[method](args[0])
  return undefined
}

process.on('message', (request: Request) => {
  try {
    process.send!({ value: perform(request) })
  } catch (error) {
    const { code, message } = error as ScoreboardError
    process.send!({ code, message })
  }
})
process.on('disconnect', () => process.exit(0))
process.send!('ready')
