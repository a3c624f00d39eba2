// Where a worker hangs, asked from the status page and from `top`.

import assert from 'node:assert/strict'
import { Scoreboard, statusHandler } from '../../lib'
import { type Hanging, portsOf, startHanging } from '../support/hanging'
import { ask, listen } from '../support/raw-http'
import { tempDir } from '../support/temp-dir'
import { Terminal, tmuxSkipped } from '../support/tmux'

const TOKEN = 'correct-horse-battery-staple'
const BEARER = { authorization: `Bearer ${TOKEN}` }

;(process.platform === 'linux' ? describe : describe.skip)('Where a worker hangs', () => {
  let board: Scoreboard
  let hanging: Hanging

  beforeEach(async () => {
    board = new Scoreboard({ baseDir: tempDir() })
    hanging = await startHanging(board, 'loop')
  })

  afterEach(() => board.close())

  it('is told by the page to whoever has the token, and to nobody else', async () => {
    const { slot, epoch, pid } = hanging.worker
    const handler = statusHandler(board, { allow: ['loopback'], token: TOKEN })
    const { port } = await listen(handler)
    const open = await listen(statusHandler(board))
    const path = `/?why=${slot}:${epoch}`
    const why = { 'x-rollcall': 'why' }
    const post = (to: number, headers: Record<string, string>, target = path) =>
      ask(to, { method: 'POST', path: target, headers })

    const refused = [
      await post(port, why),
      await post(port, BEARER),
      await post(open.port, why),
      await post(port, { ...BEARER, ...why }, '/?why=9:9'),
    ]
    assert.deepEqual(portsOf(pid), [])
    const told = await post(port, { ...BEARER, ...why })

    assert.deepEqual(
      refused.map(({ status }) => status),
      [403, 403, 403, 404],
    )
    assert.equal(told.status, 200)
    assert.match(told.body, /^pid \d+, blocked for .*\n {2}at spinForEver +\/.*hanging\.ts:\d+:\d+\n/)
    assert.deepEqual(portsOf(pid), [])
  })

  it('has its button on the page of whoever has the token', async () => {
    const { port } = await listen(statusHandler(board, { allow: ['loopback'], token: TOKEN }))

    const [with_, without] = [await ask(port, { headers: BEARER }), await ask(port)]

    assert.match(with_.body, /<body [^>]*data-why>/)
    assert.doesNotMatch(without.body, /<body [^>]*data-why>/)
    assert.match(with_.body, /<b>blocked \d/)
  })

  it('is shown by top for the key w', async function () {
    if (tmuxSkipped) return this.skip()
    const terminal = Terminal.rollcall(['top', '--interval', '100ms', board.baseDir])
    await terminal.shows(/blocked \d/)

    terminal.press('w')

    await terminal.shows(/at spinForEver +\//)
    terminal.press('Escape')
    await terminal.shows(/blocked \d/)
    terminal.press('q')
  }).timeout(120_000)
})
