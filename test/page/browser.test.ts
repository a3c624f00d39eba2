// The status page in a real browser.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import type { Server } from 'node:http'
import { join } from 'node:path'
import type { Page } from 'playwright-core'

import { type Scoreboard, type StatusHandlerOptions, statusHandler, WatchdogQueue } from '../../lib'
import { open } from '../support/boards'
import { describeBrowser, openPage, troubles } from '../support/browser'
import { startReady } from '../support/child'
import { startWorker } from '../support/cli'
import { crowdPage } from '../support/crowd-page'
import { eventually } from '../support/eventually'
import { ROOT } from '../support/paths'
import { listen } from '../support/raw-http'
import { tempDir } from '../support/temp-dir'

const HOSTILE =
  '<script>window.hacked=1</script><img src=x onerror="window.hacked=2">"\'><svg onload=window.hacked=3>' +
  '\u202eevil\u2066\u200f\0\x1b[2J\x07\u2028</td></tr></table></style></noscript>'

describeBrowser('the status page in a browser', () => {
  let baseDir: string
  let board: Scoreboard
  let server: Server
  let url: string

  beforeEach(() => {
    baseDir = tempDir()
    board = open({ baseDir, workerId: 'web-1' })
    board.update('first job')
  })

  async function show(options: StatusHandlerOptions = {}): Promise<void> {
    const handler = statusHandler(board, { intervalMs: 50, ...options })
    const listening = await listen(handler)
    server = listening.server
    url = listening.url
  }

  const row = (page: Page, id: string) =>
    page.locator('#rows tr', { has: page.locator(`td.c-id a:text-is("${id}")`) })
  const ids = (page: Page) => page.locator('#rows .c-id').allTextContents()
  const isLive = (page: Page) => page.locator('#live.on').waitFor()

  async function sees(page: Page, expected: string[]): Promise<void> {
    let seen: string[] = []
    await eventually(
      async () => {
        seen = await ids(page)
        return JSON.stringify(seen) === JSON.stringify(expected)
      },
      () => `${expected} on the page, there was ${seen}`,
    )
  }

  it('shows workers that appear, change, hang and are killed, without a reload', async () => {
    await show({ staleAfterMs: 1500 })
    const page = await openPage(url)
    await isLive(page)
    await page.evaluate('window.sameDocument = true')

    const worker = await startWorker(baseDir, 'job-1', 'counts sheep')
    await row(page, 'job-1').locator('.c-doing:text-is("counts sheep")').waitFor()
    await worker.ask({ method: 'update', args: ['counts <b>goats</b>'] })
    await row(page, 'job-1').locator('.c-doing:text-is("counts <b>goats</b>")').waitFor()

    const steady = await startReady('status-crowd', JSON.stringify({ baseDir, count: 1, perSecond: 50 }))
    await row(page, 'crowd-0').locator('.c-state b:text-is("live")').waitFor()
    steady.signal('SIGSTOP')
    await row(page, 'crowd-0').locator('.c-state b:text-is("blocked")').waitFor()
    const young = await row(page, 'crowd-0').locator('.c-ageMs').textContent()
    await eventually(
      async () => (await row(page, 'crowd-0').locator('.c-ageMs').textContent()) !== young,
      'its age to grow',
    )
    steady.signal('SIGCONT')
    await row(page, 'crowd-0').locator('.c-state b:text-is("live")').waitFor()
    await steady.killed()
    await row(page, 'crowd-0').locator('.c-state b:text-is("dead")').waitFor()
    await page.locator('#grid i.dead:text-is("x")').waitFor()
    await page.locator('[data-text=dead]:text-is("1")').waitFor()
    await page.locator('#trouble a:text-matches("dead crowd-0")').waitFor()
    await page.locator('.deaths td:text-is("crowd-0")').waitFor()
    await worker.ask({ method: 'close' })
    await row(page, 'job-1').waitFor({ state: 'detached' })

    assert.equal(await page.evaluate('window.sameDocument'), true)
    assert.deepEqual(troubles(), [])
  })

  it('sorts by mouse and by keyboard, and keeps the order in its address', async () => {
    for (const [id, updates] of [
      ['web-10', 3],
      ['web-9', 5],
    ] as const) {
      const worker = open({ baseDir, workerId: id })
      for (let i = 0; i < updates; i++) worker.update('works')
    }
    await show()
    const page = await openPage(url)
    await isLive(page)
    const heading = (name: string) => page.locator(`th[data-key=${name}]`)

    await heading('updates').locator('button').click()
    await sees(page, ['web-9', 'web-10', 'web-1'])
    assert.equal(await heading('updates').getAttribute('aria-sort'), 'descending')
    await heading('updates').locator('button').click()
    await sees(page, ['web-1', 'web-10', 'web-9'])
    assert.equal(await heading('updates').getAttribute('aria-sort'), 'ascending')
    assert.match(page.url(), /\?sort=-updates$/)

    await heading('state').locator('button').focus()
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    await sees(page, ['web-1', 'web-9', 'web-10'])
    await page.keyboard.press('Space')
    await sees(page, ['web-10', 'web-9', 'web-1'])
    assert.equal(await heading('id').getAttribute('aria-sort'), 'descending')
    assert.equal(await page.locator('th[aria-sort]').count(), 1)
    const outline = await page.evaluate('getComputedStyle(document.activeElement).outlineStyle')
    assert.equal(outline, 'solid', 'the focus is to be seen')

    await page.reload()
    await sees(page, ['web-10', 'web-9', 'web-1'])
    assert.deepEqual(troubles(), [])
  })

  it('is reached by keyboard from top to bottom, with a way past the top', async () => {
    await show()
    const page = await openPage(url)
    await isLive(page)
    const focused = () =>
      page.evaluate(
        'document.activeElement.id || document.activeElement.name || document.activeElement.textContent',
      )

    const order: unknown[] = []
    for (let i = 0; i < 14; i++) {
      await page.keyboard.press('Tab')
      order.push(await focused())
    }
    const tiles = order.splice(5, 6).map((text) => String(text).replace(/[\d\s]/g, ''))
    assert.deepEqual(tiles, ['Living', 'Busy', 'Idle', 'Blocked', 'Stale', 'Dead'])
    assert.deepEqual(order.slice(0, 7), [
      'Skip to the workers',
      'pause',
      'JSON',
      'auto',
      'metrics',
      'filter',
      'state',
    ])
    await page.locator('.skip').focus()
    await page.keyboard.press('Enter')
    assert.equal(await focused(), 'workers')
    await page.keyboard.press('Tab')
    assert.equal(await focused(), 'filter')
  })

  it('filters as one types, and shows one state only', async () => {
    open({ baseDir, workerId: 'web-2' }).update({ path: '/orders' })
    open({ baseDir, workerId: 'web-3' }).update('idle')
    await show()
    const page = await openPage(url)
    await isLive(page)

    await page.fill('input[name=filter]', 'ORDERS web')
    await sees(page, ['web-2'])
    assert.equal(await page.locator('#shown').textContent(), '1 of 3')
    await page.fill('input[name=filter]', 'no such thing')
    await page.locator('#none:visible').waitFor()
    await page.fill('input[name=filter]', '')
    await page.selectOption('select[name=state]', 'idle')
    await sees(page, ['web-3'])
    await page.reload()
    await sees(page, ['web-3'])
    assert.match(page.url(), /\?state=idle$/)
  })

  it('is dark where that is preferred, and fits a telephone', async () => {
    const request = {
      method: 'GET',
      path: `/a${'/very'.repeat(40)}/long`,
      remoteAddress: '2001:db8:aaaa:bbbb:cccc::1',
    }
    board.update({
      state: 'working',
      since: 1,
      ...request,
      protocol: 'HTTP/1.1',
      inFlight: 1,
      requests: 1,
      bytes: 1,
    })
    await show()
    const light = await openPage(url, { colorScheme: 'light' })
    const dark = await openPage(url, { colorScheme: 'dark', viewport: { width: 320, height: 640 } })
    const brightness = (page: Page, part: string): Promise<number> =>
      page.evaluate(
        `getComputedStyle(document.body).${part}.match(/\\d+/g).slice(0, 3).reduce((sum, n) => sum + Number(n), 0) / 765`,
      )

    assert.ok((await brightness(light, 'backgroundColor')) > 0.9)
    assert.ok((await brightness(light, 'color')) < 0.3)
    assert.ok((await brightness(dark, 'backgroundColor')) < 0.2)
    assert.ok((await brightness(dark, 'color')) > 0.7)
    for (const page of [light, dark]) {
      await isLive(page)
      const [needed, there] = (await page.evaluate(
        '[document.documentElement.scrollWidth, document.documentElement.clientWidth]',
      )) as [number, number]
      assert.ok(needed <= there, `${needed} pixels wide on ${there}`)
      assert.ok(await row(page, 'web-1').locator('.c-doing').isVisible())
    }
    assert.deepEqual(troubles(), [])
  })

  it('works without JavaScript, and reloads itself', async () => {
    open({ baseDir, workerId: 'web-2' }).update('idle')
    await show()
    const page = await openPage(url, { javaScriptEnabled: false })

    assert.deepEqual(await ids(page), ['web-1', 'web-2'])
    await page.click('th[data-key=id] button')
    await page.click('th[data-key=id] button')
    await sees(page, ['web-2', 'web-1'])
    await page.fill('input[name=filter]', 'first')
    await page.click('#apply')
    await sees(page, ['web-1'])
    assert.match(page.url(), /sort=-id&filter=first&state=all$/)
    board.update('first and last')
    await page.locator('td:text-is("first and last")').waitFor()
  })

  it('shows a thousand workers', async () => {
    board.close()
    board = open({ baseDir, readOnly: true })
    const crowd = await startReady('status-crowd', JSON.stringify({ baseDir, count: 1000, perSecond: 500 }))
    await show({ intervalMs: 500 })
    const page = await openPage(url)
    await isLive(page)

    await page.locator('#shown:text-is("1,000 of 1,000")').waitFor()
    assert.equal(await page.locator('#rows tr').count(), 100)
    await page.click('#more')
    await eventually(async () => (await page.locator('#rows tr').count()) === 200, 'more rows')
    assert.ok((await page.locator('*').count()) < 5000)
    await page.fill('input[name=filter]', 'crowd-777')
    await sees(page, ['crowd-777'])
    await crowd.ask('rest')
    await row(page, 'crowd-777').locator('.c-doing:text-is("at rest")').waitFor()
    await page.fill('input[name=filter]', 'at rest')
    await page.locator('#shown:text-is("1,000 of 1,000")').waitFor()
    assert.deepEqual(troubles(), [])
  })

  it('shows five thousand workers in fewer nodes than that, and finds any of them', async () => {
    const { url } = await listen(crowdPage(5000))
    const page = await openPage(url)
    await isLive(page)

    await page.locator('#shown:text-is("5,000 of 5,000")').waitFor()
    assert.ok((await page.locator('*').count()) < 5000)
    for (const width of [1024, 1440]) {
      await page.setViewportSize({ width, height: 900 })
      const { width: doing } = (await page.locator('td.c-doing').first().boundingBox())!
      assert.ok(doing >= 300, `${doing} px for what a worker does, of ${width}`)
    }
    assert.equal(await page.locator('#grid svg path').count(), 6)
    await page.fill('input[name=filter]', 'worker-4777')
    await sees(page, ['worker-4777'])
    await page.fill('input[name=filter]', '')
    await page.click('.count.dead')
    await sees(page, ['worker-999', 'worker-1999', 'worker-2999', 'worker-3999', 'worker-4999'])
    await page.locator('th[data-key=id] button').click()
    await page.locator('th[data-key=id] button').click()
    await sees(page, ['worker-4999', 'worker-3999', 'worker-2999', 'worker-1999', 'worker-999'])
    assert.deepEqual(troubles(), [])
  })

  it('has nothing that axe finds fault with, in any of its states', async () => {
    open({ baseDir, workerId: 'web-2' }).update('idle')
    open({ baseDir, workerId: 'silent', heartbeatMs: 0 }).update('counts sheep')
    await (await startWorker(baseDir, 'web-3', 'last words')).killed()
    await show({ staleAfterMs: 100 })
    const source = readFileSync(join(ROOT, 'node_modules', 'axe-core', 'axe.min.js'), 'utf8')
    for (const colorScheme of ['light', 'dark'] as const) {
      const page = await openPage(url, { colorScheme })
      await isLive(page)
      await page.locator('#trouble .stale').waitFor()
      await page.evaluate(source)
      const isClean = async (state: string) => {
        const found = (await page.evaluate('axe.run()')) as {
          violations: { id: string; nodes: { html: string }[] }[]
        }
        const said = found.violations.map(
          ({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' | ')}`,
        )
        assert.deepEqual(said, [], `${state}, ${colorScheme}`)
      }
      await isClean('as it comes')
      await row(page, 'web-2').locator('.c-doing').click()
      await page.locator('tr.open pre').waitFor()
      await isClean('with a row open')
      await page.fill('input[name=filter]', 'nobody')
      await page.click('#pause')
      await page.locator('#none:visible').waitFor()
      await isClean('paused, with nobody to show')
      await page.click('#pause')
      await isLive(page)
      await page.evaluate(
        "document.getElementById('banner').hidden = false; document.body.classList.add('old'); document.getElementById('banner').textContent = 'No news'",
      )
      await page.evaluate('window.stop()')
      await isClean('without news')
    }
  })

  it('shows a hostile status harmlessly', async () => {
    const evil = open({ baseDir, workerId: HOSTILE.slice(0, 100) })
    evil.update(HOSTILE)
    open({ baseDir, workerId: 'large' }).update('x\u0301\u202e<b>'.repeat(1024 * 200))
    const request = { state: 'working', since: 0, inFlight: 1, requests: 1, bytes: 1 }
    open({ baseDir, workerId: 'request' }).update({
      ...request,
      method: HOSTILE,
      path: HOSTILE,
      remoteAddress: HOSTILE,
    })
    open({ baseDir, workerId: 'lies' }).update({
      ...request,
      method: { a: 1 },
      path: ['b'],
      host: 7,
      remoteAddress: 9,
    })
    open({ baseDir, workerId: '__proto__' }).update({ ['__proto__']: 'polluted', constructor: 1 })
    await show()
    const queue = await WatchdogQueue.connect(tempDir())
    await queue.createQueue({ timerMs: 1 })
    const timer = await queue.createTimer(HOSTILE.slice(0, 60).replaceAll('\0', ''))
    await timer.kick(HOSTILE)
    try {
      await show({ queues: { [HOSTILE]: queue } })
      for (const javaScriptEnabled of [true, false]) {
        const page = await openPage(url, { javaScriptEnabled })
        if (javaScriptEnabled) {
          await isLive(page)
          evil.update(`${HOSTILE} again`)
          await page.locator('.c-doing', { hasText: 'again' }).waitFor()
          await page.locator('.expired', { hasText: 'evil' }).waitFor()
          assert.equal(await page.evaluate('window.hacked'), undefined)
          assert.equal(await page.evaluate('({}).polluted'), undefined)
        }
        assert.equal(await page.locator('#rows tr').count(), 6)
        assert.equal(await page.locator('main script, main img, main b b, #rows svg, #queues img').count(), 0)
        const text = await page.locator('main').innerText()
        assert.match(text, /<script>window\.hacked=1<\/script>/)
        assert.doesNotMatch(text.replace(/[\n\t]/g, ''), /[\p{Cc}\p{Cf}\u2028]/u)
        assert.ok(text.length < 20_000, 'a megabyte is cut')
      }
      assert.deepEqual(troubles(), [])
    } finally {
      await queue.close()
    }
  })

  it('says when the connection is lost, and comes back by itself', async () => {
    await show()
    const page = await openPage(url)
    await isLive(page)

    server.closeAllConnections()
    await page.locator('#live.off:text-matches("lost")').waitFor()
    board.update('meanwhile')
    await isLive(page)
    await row(page, 'web-1').locator('.c-doing:text-is("meanwhile")').waitFor()

    await page.click('#pause')
    await page.locator('#live:text-is("paused")').waitFor()
    board.update('unseen')
    await page.click('#pause')
    await row(page, 'web-1').locator('.c-doing:text-is("unseen")').waitFor()
    assert.equal(await page.locator('#pause').getAttribute('aria-pressed'), 'false')
  })

  it('opens a row to everything about its worker, filters by tile and by !word, and knows its keys', async () => {
    const long = `GET /${'very/'.repeat(60)}long`
    open({ baseDir, workerId: 'web-2' }).update({ job: long, deep: { step: 7 } })
    open({ baseDir, workerId: 'web-3' }).update('idle')
    await show()
    const page = await openPage(url)
    await isLive(page)

    await row(page, 'web-2').locator('.c-doing').click()
    await page.locator('tr.open pre', { hasText: '"step": 7' }).waitFor()
    assert.ok(
      (await page.locator('tr.open pre').innerText()).replace(/\s/g, '').includes(long.replace(/\s/g, '')),
    )
    assert.equal(await page.locator('tr.open .copy').textContent(), String(process.pid))
    assert.equal(await row(page, 'web-2').locator('a').getAttribute('aria-expanded'), 'true')
    await page.reload()
    await page.locator('tr.open pre', { hasText: '"step": 7' }).waitFor()
    await page.keyboard.press('Escape')
    await page.locator('tr.open').waitFor({ state: 'detached' })

    await page.click('.count.idle')
    await sees(page, ['web-3'])
    await page.click('.count.idle')
    await page.keyboard.press('/')
    await page.keyboard.type('!web-3 !first')
    await sees(page, ['web-2'])
    await page.keyboard.press('Escape')
    await page.click('#grid i[data-key]:nth-child(3)')
    await page.locator('tr.open', { hasText: 'web-3' }).waitFor()

    const bare = await openPage(`${url}?worker=1:1`, { javaScriptEnabled: false })
    await bare.locator('.details pre', { hasText: '"step": 7' }).waitFor()
    assert.deepEqual(troubles(), [])
  })

  it('tells a value of the past under the pointer, and prints dark on white with host and time', async () => {
    const busy = setInterval(() => board.update(`works ${Date.now()}`), 20)
    try {
      await show()
      const page = await openPage(url, { colorScheme: 'dark' })
      await isLive(page)
      await page.locator('.spark-updates .line[d*=L]').waitFor({ state: 'attached' })
      await eventually(async () => {
        const box = (await page.locator('.spark-updates .plot').boundingBox())!
        await page.mouse.move(box.x + box.width - 2, box.y + 5)
        return /^[\d.,]+\/s, [01] s ago$/.test((await page.locator('.spark-updates .under').textContent())!)
      }, 'a value under the pointer')

      await page.emulateMedia({ media: 'print' })
      const color = await page.evaluate('getComputedStyle(document.body).color')
      assert.match(String(color), /^rgb\(27, 35, 33\)$/)
      assert.ok(await page.locator('[data-text=host]').isVisible())
      assert.match(await page.locator('[data-text=clock]').innerText(), /^\d{4}-\d\d-\d\d \d\d:/)
      assert.ok(await page.locator('#pause').isHidden())
    } finally {
      clearInterval(busy)
    }
  })

  it('lets nothing turn stale by itself while it has no news, and says so across the page', async () => {
    await show({ staleAfterMs: 60_000 })
    const page = await openPage(url)
    await isLive(page)
    const silent = await row(page, 'web-1').locator('.c-ageMs').textContent()

    // Nobody answers any more, and nobody says so.
    server.close()
    server.closeAllConnections()
    await page.locator('#banner:visible', { hasText: 'No news since' }).waitFor()
    assert.match(await page.title(), /^\(no news\) /)
    await page.locator('#banner', { hasText: /\([2-9] s\)/ }).waitFor()
    const frozen = await row(page, 'web-1').locator('.c-ageMs').textContent()
    await page.locator('#banner', { hasText: /\([5-9] s\)/ }).waitFor()

    assert.equal(await row(page, 'web-1').locator('.c-ageMs').textContent(), frozen)
    assert.notEqual(silent, undefined)
    assert.equal(await page.locator('#rows tr.stale').count(), 0)
  })

  it('opens with a token once, which does not stay in the address', async () => {
    await show({ token: 'open-sesame' })
    const page = await openPage(`${url}?sort=id&token=open-sesame`)
    await isLive(page)

    assert.match(page.url(), /\/\?sort=id$/)
    await page.goto(url)
    await isLive(page)
    assert.deepEqual(troubles(), [])
  })
})
