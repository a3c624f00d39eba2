// A real browser for the tests of the status page: Debian's Chromium, headless, one for all tests of a
// file, and a page of its own for each.

import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { ROOT } from './paths'

const SCRIPT = join(ROOT, 'scripts', 'needs', 'chromium.mjs')
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-dev-shm-usage',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** How long a page may take for anything. */
export const TIMEOUT_MS = 60_000

let browser: Browser | undefined
const trouble: string[] = []

/** `describe` with a browser, or nothing where the tests without one were asked for. */
export function describeBrowser(title: string, body: (this: Mocha.Suite) => void): void {
  if (process.env.ROLLCALL_TEST_BROWSER === 'skip') {
    console.warn(`ROLLCALL_TEST_BROWSER=skip: "${title}" is not tested in a browser`)
    describe.skip(title, body)
    return
  }
  describe(title, function () {
    before('start the browser', async () => {
      const executablePath = execFileSync(process.execPath, [SCRIPT], { encoding: 'utf8' }).trim()
      browser = await chromium.launch({ executablePath, args: FLAGS, timeout: TIMEOUT_MS })
    })
    afterEach('close the pages', async () => {
      for (const context of browser?.contexts() ?? []) await context.close()
      trouble.length = 0
    })
    after('end the browser', async () => {
      await browser?.close()
      browser = undefined
    })
    body.call(this)
  })
}

/** A page that has been opened. What goes wrong on it, and whom it asks besides its own server, is in `troubles()`. */
export async function openPage(url: string, options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser!.newContext({ viewport: { width: 1280, height: 900 }, ...options })
  context.setDefaultTimeout(TIMEOUT_MS)
  const page = await context.newPage()
  page.on('pageerror', (error) => trouble.push(`error: ${error.message}`))
  page.on('console', (message) => {
    if (message.type() === 'error') trouble.push(`console: ${message.text()}`)
  })
  page.on('request', (request) => {
    const target = request.url()
    if (!target.startsWith(new URL(url).origin) && !target.startsWith('data:'))
      trouble.push(`asked ${target}`)
  })
  await page.goto(url)
  return page
}

export function troubles(): string[] {
  return [...trouble]
}
