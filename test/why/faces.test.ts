// Where a worker hangs, asked from the status page and from `top`.

import assert from 'node:assert/strict'
import type { Page } from 'playwright-core'
import { Scoreboard, statusHandler } from '../../lib'
import { describeBrowser, openPage, troubles } from '../support/browser'
import { eventually } from '../support/eventually'
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
    const { slot, epoch } = hanging.worker
    const [, row] = with_.body.split(`data-key="${slot}:${epoch}">\n`)
    assert.match(row ?? 'no row of the worker', /^<td class="c-state"><b>blocked<\/b>/)
    assert.match(with_.body, /<li class="blocked">.*<b>blocked<\/b>.*<span>for \d/)
  })

  describeBrowser('in a browser', () => {
    const rowOf = (page: Page) =>
      page.locator(`#rows tr.blocked:has(td.c-pid:text-is("${hanging.worker.pid}"))`)

    it('is shown in its row when that is opened, by whoever has the token', async () => {
      const { url } = await listen(statusHandler(board, { token: TOKEN }))
      const page = await openPage(`${url}?token=${TOKEN}`)

      await rowOf(page).locator('.c-doing').click()

      const stack = page.locator('tr.open .where pre:text-matches("at spinForEver +/")')
      // Asked at once, and on a busy machine by the button once more: a process has two seconds to answer.
      await eventually(async () => {
        if (await stack.isVisible()) return true
        await page.locator('tr.open .where', { has: page.locator('button:enabled') }).waitFor()
        if (!(await stack.isVisible())) await page.locator('tr.open button.why').click()
        return false
      }, 'the stack in the row')
      // It stays while what is above it is told anew.
      const ages = page.locator('tr.open dl')
      const before = await ages.innerText()
      await eventually(async () => (await ages.innerText()) !== before, 'the ages to grow')
      assert.ok(await stack.isVisible())
      assert.match(before, /rollcall why \S+ \S+/)
      assert.deepEqual(portsOf(hanging.worker.pid), [])
      assert.deepEqual(troubles(), [])
    })

    it('has no button for whoever may only look', async () => {
      const { url } = await listen(statusHandler(board, { allow: ['loopback'], token: TOKEN }))
      const page = await openPage(url)
      await page.locator('#live.on').waitFor()

      await rowOf(page).locator('.c-doing').click()
      await page.locator('tr.open dl').waitFor()

      assert.equal(await page.locator('button.why').count(), 0)
    })
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
