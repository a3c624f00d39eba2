// The page of a fleet in a real browser.

import assert from 'node:assert/strict'
import { join as pathJoin } from 'node:path'
import { fleetHandler } from '../../lib'
import { open } from '../support/boards'
import { describeBrowser, openPage, troubles } from '../support/browser'
import { join, look, machine, startAgent, startWorker } from '../support/machines'
import { listen } from '../support/raw-http'
import { tempDir } from '../support/temp-dir'

describeBrowser('the page of a fleet in a browser', () => {
  it('follows machines that come, hang and are lost, and leads to the last words of a worker', async () => {
    const url = `local:${pathJoin(tempDir(), 'fleet')}`
    const board = open({ baseDir: tempDir(), workerId: 'a-1', heartbeatMs: 60_000 })
    board.update('cooks')
    await join(url, { boards: [board], name: 'one', labels: { zone: 'a' }, blockedAfterMs: 60_000 })
    const fleet = await look(url)
    const listening = await listen(fleetHandler(fleet, { intervalMs: 50 }))
    const page = await openPage(listening.url)
    const block = (name: string) => page.locator(`.machine:has-text("${name}")`)
    await page.locator('#live.on').waitFor()
    await block('one').waitFor()

    const second = { baseDir: pathJoin(tempDir(), 'two'), workerId: 'b-1', heartbeatMs: 60_000 }
    await startWorker(second, 'copies disk 7')
    const { child } = await startAgent(url, { boards: [second.baseDir], name: 'two', blockedAfterMs: 60_000 })
    await block('two').waitFor()
    await machine(fleet, 'two', ({ workers }) => workers[0]?.status === 'copies disk 7')
    await child.killed('SIGKILL')
    await page.locator('.machine.lost:has-text("two")').waitFor()

    // Trouble comes first.
    assert.deepEqual(await page.locator('.machine').allTextContents(), ['two', 'one'])
    await page.locator('#trouble a').click()
    await page.getByText('These are its last words').waitFor()
    await page.locator('td.c-id a').click()
    await page.locator('.details pre:has-text("copies disk 7")').waitFor()
    await page.locator('header h1 a').click()
    await page.locator('input[name=filter]').fill('zone=a')
    await page.keyboard.press('Enter')
    await page.locator('output:has-text("1 of 2")').waitFor()
    assert.deepEqual(await page.locator('.machine').allTextContents(), ['one'])
    await page.locator('#live.on').waitFor()
    board.update('serves')
    await machine(fleet, 'one', ({ workers }) => workers[0]?.status === 'serves')
    assert.deepEqual(troubles(), [])
  })

  it('is whole without JavaScript', async () => {
    const url = `local:${pathJoin(tempDir(), 'fleet')}`
    const board = open({ baseDir: tempDir(), workerId: 'a-1' })
    board.update('cooks')
    await join(url, { boards: [board], name: 'one' })
    const listening = await listen(fleetHandler(await look(url)))

    const page = await openPage(listening.url, { javaScriptEnabled: false })
    const size = await page.locator('.machine img').boundingBox()
    await page.locator('.machine').click()

    assert.deepEqual([size?.width, size?.height], [112, 7])
    assert.equal(await page.locator('td.c-doing').textContent(), 'cooks')
  })
})
