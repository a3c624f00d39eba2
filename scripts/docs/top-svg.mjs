// Draws docs/images/top.svg and queue-top.svg: `rollcall top` and `rollcall queue top` as they are on a real terminal,
// which tmux makes, with real workers. Uses what is compiled.
//
//   npm run docs:top

import { execFileSync, fork } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { temporaryFolder } from '../tools.mjs'

const ROOT = join(import.meta.dirname, '..', '..')
const MAIN = join(ROOT, 'dist', 'lib', 'cli', 'main.js')
const COLUMNS = 108
/** Runs of others are one in some browsers, whatever `xml:space` says. */
const NO_BREAK_SPACE = '\u00a0'
const ROWS = 19
const TIMEOUT_MS = 60_000

const require = createRequire(import.meta.url)
const { Scoreboard, WatchdogQueue } = require(join(ROOT, 'dist', 'lib', 'index.js'))

const PATHS = ['/', '/orders', '/orders/17', '/search?q=kettle', '/cart', '/login', '/reports/2025']

if (process.argv[2] === '--serve') serve(process.argv[3], process.argv[4], Number(process.argv[5]))
else if (process.argv[2] === '--work') await work(process.argv[3], process.argv[4], Number(process.argv[5]))
else await draw()

/** A worker process: serves requests that last about `meanMs`, and hangs in one where that is 0; 'silent' ends to publish. */
function serve(baseDir, workerId, meanMs) {
  const isSilent = Number.isNaN(meanMs)
  const counters = { requests: 'counter', bytes: 'counter' }
  const board = new Scoreboard({ baseDir, workerId, counters, heartbeatMs: isSilent ? 0 : 1000 })
  let requests = 0
  let bytes = 0
  const publish = (state, more) =>
    board.update({
      state,
      since: Date.now(),
      host: 'shop.example',
      protocol: 'HTTP/1.1',
      requests,
      bytes,
      ...more,
    })
  const next = () => {
    const path = PATHS[Math.floor(Math.random() * PATHS.length)]
    const request = { method: path === '/orders' ? 'POST' : 'GET', path, inFlight: 1 }
    publish('working', request)
    if (isSilent) return
    // As a bug would: the loop of this process stands still.
    if (meanMs === 0)
      return setTimeout(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0), 300)
    setTimeout(
      () => {
        publish('writing', request)
        requests += 1
        bytes += 5000
        board.counters.add('requests')
        board.counters.add('bytes', 5000)
        setTimeout(() => {
          publish('keep-alive', { ...request, inFlight: 0 })
          setTimeout(next, meanMs * Math.random())
        }, meanMs / 4)
      },
      meanMs * Math.random() * 2,
    )
  }
  next()
  process.send('ready')
  setInterval(() => {}, 1000)
}

/** A worker of the queue: takes `itemMs` for each item, and hangs in its first one where that is 0. */
async function work(url, id, itemMs) {
  const queue = await WatchdogQueue.connect(url)
  await queue.attachQueue({ timeoutMs: TIMEOUT_MS })
  const timer = await queue.createTimer(id)
  process.send('ready')
  await timer.run(async (lease) => {
    await timer.kick({ item: lease.item, step: 'aligning' })
    if (itemMs === 0) await new Promise(() => {})
    await delay(itemMs * (0.5 + Math.random()))
    if (lease.item.endsWith('13.fastq')) throw new Error('truncated input')
  })
}

async function draw() {
  const folder = temporaryFolder('svg')
  const children = []
  const start = async (...args) => {
    const child = fork(import.meta.filename, args)
    children.push(child)
    await once(child, 'message')
    return child
  }
  try {
    const board = join(folder, 'shop')
    for (let i = 1; i <= 10; i++)
      await start('--serve', board, `web-${i}`, i === 4 ? 0 : i === 7 ? 'silent' : 4 * i)
    const victim = await start('--serve', board, 'web-11', 20)
    const isShown = (text) =>
      [
        /web-11 .*DEAD/,
        /web-4 .*blocked \d/,
        /web-7 .*stale/,
        /, [1-9]\d* updates\/s/,
        /requests \([1-9]/,
      ].every((wanted) => wanted.test(text))
    await delay(3500)
    victim.kill('SIGKILL')
    await picture({
      folder,
      name: 'top',
      title: 'rollcall top /run/shop',
      args: ['top', '--stale', '3s', '--interval', '500ms', board],
      isShown,
    })

    const url = join(folder, 'jobs')
    const queue = await WatchdogQueue.connect(url)
    const items = Array.from({ length: 4000 }, (_, i) => `reads-${i}.fastq`)
    await queue.createQueue({
      queue: items,
      timerMs: 2000,
      maxAttempts: 1,
      expect: '1 2 3 4 5 6 7 8'.split(' ').map((n) => `align-${n}`),
    })
    for (let i = 1; i <= 6; i++) await start('--work', url, `align-${i}`, i === 2 ? 0 : 10 * i)
    const died = await start('--work', url, 'align-7', 20)
    // While it is watched, so that its last progress is known.
    setTimeout(() => died.kill('SIGKILL'), 3000)
    await picture({
      folder,
      name: 'queue-top',
      title: 'rollcall queue top --queue /run/jobs',
      args: ['queue', 'top', '--interval', '500ms', '--queue', url],
      isShown: (text) =>
        /expired +align-2/.test(text) &&
        /died +align-7 .*aligning/.test(text) &&
        /[1-9]\d% .*s left/.test(text),
    })
    await queue.close()
  } finally {
    for (const child of children) child.kill('SIGKILL')
  }
}

/** Runs the command on a terminal until what is wanted is on it, and writes that as docs/images/<name>.svg. */
async function picture({ folder, name, title, args, isShown }) {
  const tmux = (...words) =>
    execFileSync('tmux', ['-u', '-S', join(folder, 'tmux'), '-f', '/dev/null', ...words], {
      encoding: 'utf8',
    })
  const command = `env -u NO_COLOR ${[process.execPath, MAIN, ...args].join(' ')}`
  tmux('new-session', '-d', '-x', String(COLUMNS), '-y', String(ROWS), command)
  try {
    const deadline = Date.now() + TIMEOUT_MS
    while (!isShown(tmux('capture-pane', '-p'))) {
      if (Date.now() > deadline) throw new Error(`Waited in vain:\n${tmux('capture-pane', '-p')}`)
      await delay(100)
    }
    const screen = tmux('capture-pane', '-p', '-e').replaceAll(`${folder}/`, '/run/')
    writeFileSync(join(ROOT, 'docs', 'images', `${name}.svg`), svg(screen, title))
    console.log(`docs/images/${name}.svg`)
  } finally {
    tmux('kill-server')
  }
}

/** A terminal's text with its colours, as a picture that needs no font of ours. */
function svg(screen, title) {
  const Anser = require('anser')
  const [charWidth, lineHeight, margin, bar] = [8.4, 18, 16, 34]
  const colors = { 'ansi-red': '#ff7b72', 'ansi-yellow': '#e3b341', 'ansi-green': '#7ee787' }
  const [background, text, faint] = ['#0d1117', '#e6edf3', '#8b949e']
  const width = COLUMNS * charWidth + 2 * margin
  const height = ROWS * lineHeight + bar + margin
  const parts = []
  screen
    .replace(/\n$/, '')
    .split('\n')
    .forEach((line, row) => {
      let column = 0
      for (const { content, fg, decorations } of Anser.ansiToJson(line, {
        use_classes: true,
        remove_empty: true,
      })) {
        const x = (margin + column * charWidth).toFixed(1)
        const y = bar + (row + 0.75) * lineHeight
        column += content.length
        if (content.trim() === '') continue
        const style = [
          `fill="${decorations.includes('dim') ? faint : (colors[fg] ?? text)}"`,
          decorations.includes('bold') ? 'font-weight="bold"' : '',
          `textLength="${(content.length * charWidth).toFixed(1)}"`,
        ]
        parts.push(
          `<text x="${x}" y="${y}" ${style.filter(Boolean).join(' ')}>${escaped(content.replaceAll(' ', NO_BREAK_SPACE))}</text>`,
        )
      }
    })
  const dots = ['#ff5f57', '#febc2e', '#28c840'].map(
    (fill, at) => `<circle cx="${20 + at * 20}" cy="17" r="6" fill="${fill}"/>`,
  )
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(title)}">
<rect width="100%" height="100%" rx="8" fill="${background}"/>
${dots.join('')}
<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="14">
<text x="${width / 2}" y="22" text-anchor="middle" fill="${faint}">${escaped(title)}</text>
${parts.join('\n')}
</g>
</svg>
`
}

function escaped(plain) {
  return plain
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}
