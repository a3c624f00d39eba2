// Makes the pictures of the status page in docs/: a real cluster of HTTP servers under load with one worker
// killed, one that hangs and one that is silent, a real queue with a timer that nobody kicks, and a real browser that looks.
//
//   npm run screenshots
//
// Takes about a minute: the sparklines show the last two.

import { execFileSync } from 'node:child_process'
import cluster from 'node:cluster'
import { statSync } from 'node:fs'
import { Agent, createServer, get } from 'node:http'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { temporaryFolder } from '../tools.mjs'

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
const { instrument, noteExits, Scoreboard, statusHandler, WatchdogQueue } = createRequire(import.meta.url)(
  ROOT,
)

const WORKERS = 24
const CLIENTS = 20
const LOAD_MS = 50_000
const SIZE = { width: 1280, height: 1240 }
const COUNTERS = { requests: 'counter', bytes: 'counter' }
const ROUTES = [
  { path: '/', ms: 2, bytes: 9_000 },
  { path: '/orders/17', ms: 30, bytes: 2_400 },
  { path: '/search?q=kettle', ms: 120, bytes: 14_000 },
  { path: '/reports/year', ms: 900, bytes: 48_000 },
  { path: '/api/v2/customers/81/avatar.png', ms: 15, bytes: 22_000 },
]

if (cluster.isPrimary) await main()
else serve()

/** One worker of the shop. */
function serve() {
  const board = new Scoreboard({
    baseDir: process.env.SHOP_DIR,
    workerId: process.env.SHOP_ID,
    counters: COUNTERS,
  })
  const server = createServer(async (request, response) => {
    // As a bug would: the loop of this process stands still.
    if (request.url === '/export') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
    const route = ROUTES.find(({ path }) => path === request.url)
    await delay(route.ms * (0.5 + Math.random()))
    response.end('x'.repeat(route.bytes))
  })
  instrument(server, { board, metrics: true })
  server.listen(0, '127.0.0.1', () => process.send(server.address().port))
}

async function main() {
  const root = temporaryFolder('pictures')
  const baseDir = join(root, 'shop')
  const board = new Scoreboard({ baseDir, slots: 64, counters: COUNTERS })
  const queue = await WatchdogQueue.connect(join(root, 'thumbnails'))
  const stop = new AbortController()
  // Without a heart, and silent after its first word.
  const importer = new Scoreboard({ baseDir, workerId: 'import', heartbeatMs: 0 })
  importer.update('stock.csv, row 81,204 of 230,000')
  noteExits(cluster, board)
  try {
    const workers = Array.from({ length: WORKERS }, (_, i) =>
      cluster.fork({ SHOP_DIR: baseDir, SHOP_ID: `web-${i + 1}` }),
    )
    const ports = await Promise.all(
      workers.map((worker) => new Promise((done) => worker.once('message', done))),
    )
    const handler = statusHandler(board, {
      title: 'shop',
      staleAfterMs: 5000,
      queues: { thumbnails: queue },
    })
    const server = createServer(handler)
    await new Promise((done) => server.listen(0, '127.0.0.1', done))
    const url = `http://127.0.0.1:${server.address().port}/`
    get(url).on('response', (response) => response.resume()) // samples begin with the first look

    for (let i = 0; i < CLIENTS; i++) void client(ports, stop.signal)
    void work(queue, stop.signal).catch(() => {})
    await delay(LOAD_MS * 0.6)
    get({ host: '127.0.0.1', port: ports[7], path: '/export' }).on('error', () => {})
    workers[18].process.kill('SIGKILL')
    await delay(LOAD_MS * 0.4)
    await photograph(url)

    handler.close()
    server.closeAllConnections()
    server.close()
  } finally {
    stop.abort()
    for (const worker of Object.values(cluster.workers)) worker.process.kill('SIGKILL')
    importer.close()
    board.close()
    await queue.close()
  }
  process.exit()
}

/** Asks for one thing after the other, and reads for a while in between. */
async function client(ports, signal) {
  const agent = new Agent({ keepAlive: true })
  while (!signal.aborted) {
    const { path } = ROUTES[Math.floor(Math.random() ** 2 * ROUTES.length)]
    const port = ports[Math.floor(Math.random() * ports.length)]
    await new Promise((done) => {
      const localAddress = `127.0.${Math.floor(Math.random() * 9)}.${1 + Math.floor(Math.random() * 250)}`
      const request = get(
        { host: '127.0.0.1', port, path, agent, localAddress, timeout: 3000 },
        (response) => {
          response.resume().on('close', done)
        },
      )
      request.on('timeout', () => request.destroy())
      request.on('error', done)
    })
    await delay(Math.random() * 60)
  }
}

/** A job that is some way through, with one worker that has stopped to kick. */
async function work(queue, signal) {
  const items = Array.from({ length: 1200 }, (_, i) => `photos/${i}.jpg`)
  await queue.createQueue({ timerMs: 8000, queue: items })
  const hung = await queue.createTimer('thumb-3')
  await hung.lease()
  await hung.kick({ file: 'photos/0.jpg', step: 'sharpen' })
  const timers = await Promise.all(['thumb-1', 'thumb-2'].map((id) => queue.createTimer(id)))
  await Promise.all(
    timers.map(async (timer) => {
      for await (const lease of timer.leases({ signal })) {
        await delay(80)
        await lease.ack()
        await timer.kick({ file: lease.item })
      }
    }),
  )
}

async function photograph(url) {
  const { chromium } = await import('playwright-core')
  const chromiumPath = execFileSync(process.execPath, [join(ROOT, 'scripts', 'needs', 'chromium.mjs')], {
    encoding: 'utf8',
  })
  const browser = await chromium.launch({
    executablePath: chromiumPath.trim(),
    args: ['--no-sandbox', '--disable-gpu'],
  })
  for (const colorScheme of ['light', 'dark']) {
    const context = await browser.newContext({ colorScheme, viewport: SIZE })
    const page = await context.newPage()
    await page.goto(`${url}?sort=state`)
    await page.locator('#live.on').waitFor()
    await delay(1500)
    await page.evaluate("document.querySelector('.path').textContent = '/run/shop'")
    const path = join(
      ROOT,
      'docs',
      'images',
      colorScheme === 'light' ? 'status-page.png' : 'status-page-dark.png',
    )
    await page.screenshot({ path })
    console.log(`${path}: ${Math.round(statSync(path).size / 1000)} kB`)
  }
  await browser.close()
}
