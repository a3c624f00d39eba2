// The page of a fleet as it is sent, without a browser.

import assert from 'node:assert/strict'
import { inflateSync } from 'node:zlib'
import { fleetHandler, type MachineEntry } from '../../lib'
import { cellPicture, cellsOf, LEGEND_KINDS } from '../../lib/page/fleet-cells'
import { block, drawFleet, type FleetScene } from '../../lib/page/fleet-drawing'
import type { FleetChoice } from '../../lib/page/fleet-order'
import { renderFleetPage } from '../../lib/page/fleet-page'
import { History } from '../../lib/page/history'
import { type FleetKind, lookAt, troubleOf } from '../../lib/view/fleet'
import { open } from '../support/boards'
import { eventually } from '../support/eventually'
import { fleetMachine, fleetSnapshot } from '../support/fleet-snapshot'
import { join, look, machine } from '../support/machines'
import { ask, EventStream, listen } from '../support/raw-http'
import { tempDir } from '../support/temp-dir'

const HOSTILE = '<script>alert(1)</script>"\'><img src=x onerror=alert(2)>\u202e\x1b[2J'
const ALL: FleetChoice = { filter: '', machine: undefined, worker: undefined }

function scene(...machines: MachineEntry[]): FleetScene {
  const seen = lookAt(fleetSnapshot(...machines))
  return {
    look: seen,
    machines: seen.machines.toSorted((a, b) => troubleOf(b) - troubleOf(a) || 0),
    blocks: new Map(seen.machines.map((view) => [view.machine.id, block(view, cellsOf(view.kinds))])),
    totals: {},
    history: new History(),
    queues: [],
    limits: {},
  }
}

const page = (of: FleetScene, choice: Partial<FleetChoice> = {}) =>
  renderFleetPage(of, { ...ALL, ...choice }, 'fleet')

/** Elements, and the texts between them: what a browser would make of it. */
function nodesOf(html: string): number {
  const [before, , after] = html.split(/(<style>[\s\S]*?<\/style>|<script>[\s\S]*<\/script>)/)
  const body = before! + (after ?? '')
  return (body.match(/<[a-z]/g)?.length ?? 0) + (body.match(/>[^<]+/g)?.length ?? 0)
}

describe('The page of a fleet, as HTML', () => {
  it('has a block for each machine, trouble first, and the workers to look at above', () => {
    const html = page(
      scene(
        fleetMachine('well', [{}]),
        fleetMachine('hangs', [{}, { id: 'stuck', heartbeatAgeMs: 12_000 }]),
        fleetMachine('dark', [{}, {}], { state: 'lost', lostForMs: 35_000 }),
      ),
    )

    const names = Array.from(
      html.matchAll(/<a class="machine [^>]*>.*?<img[^>]*>([^<]+)/g),
      ([, name]) => name,
    )
    assert.deepEqual(names, ['dark', 'hangs', 'well'])
    assert.match(html, /<b>lost<\/b> <strong>dark<\/strong><\/a> <span>35s<\/span> <code>2 workers/)
    assert.match(
      html,
      /<b>blocked<\/b> <strong>stuck on hangs<\/strong><\/a> <span>for 12s<\/span> <code>cooks/,
    )
  })

  it('stays under 5,000 nodes with a hundred thousand workers, and with any number of machines or of dead', () => {
    const some = (isBad: boolean) =>
      isBad
        ? [{ state: 'dead' as const }, { heartbeatAgeMs: 9000 }, {}]
        : Array.from({ length: 100 }, () => ({}))
    const many = (count: number, dead: boolean) =>
      scene(...Array.from({ length: count }, (_, i) => fleetMachine(`web-${i}`, some(dead))))
    const one = scene(
      fleetMachine(
        'web-1',
        Array.from({ length: 10_000 }, () => ({})),
      ),
    )

    const nodes = [
      page(many(1000, false)),
      page(many(1000, true)),
      page(scene(...Array.from({ length: 5000 }, (_, i) => fleetMachine(`web-${i}`, [{}])))),
      page(one, { machine: 'id-of-web-1' }),
    ].map(nodesOf)

    assert.ok(Math.max(...nodes) < 5000, String(nodes))
    const blocks = page(many(1000, false)).match(/class="machine /g)
    assert.equal(blocks?.length, 1000)
  })

  it('finds machines by name and label, and the workers of one by what they do', () => {
    const all = scene(
      fleetMachine('one', [{ status: 'cooks' }, { id: 'other', status: 'serves' }], {
        labels: { zone: 'a' },
      }),
      fleetMachine('two', [{}], { labels: { zone: 'b' } }),
    )

    const found = (filter: string) => [...drawFleet(all, { ...ALL, filter }).blocks.keys()]
    assert.deepEqual(found('zone=a'), ['id-of-one'])
    assert.deepEqual(found('!zone=a'), ['id-of-two'])
    assert.deepEqual(found('host-of-two'), ['id-of-two'])
    const opened = drawFleet(all, { ...ALL, filter: 'serves', machine: 'id-of-one' }).pieces.opened!
    assert.ok(opened.includes('other') && !opened.includes('cooks'))
  })

  it('says of a lost machine that these are last words, and of a cut status that it is cut', () => {
    const dark = fleetMachine('dark', [{ status: 'copies disk 7', statusCut: true }], {
      state: 'lost',
      ageMs: 61_000,
    })
    const worker = 'id-of-dark:0:1:/run/app'

    const html = page(scene(dark), { machine: 'id-of-dark', worker })

    assert.match(html, /These are its last words, 1m01s old/)
    assert.match(html, /only its beginning is known here/)
    assert.match(html, /<tr class="lost">.*<b>lost<\/b>.*copies disk 7/)
  })

  it('shows whatever machines say of themselves as text', () => {
    const bad = fleetMachine(HOSTILE, [{ id: HOSTILE, status: HOSTILE, state: 'dead' }], {
      // Nobody chooses it: its machine's node is called so.
      id: 'abcd',
      host: HOSTILE,
      labels: { [HOSTILE]: HOSTILE },
      totals: { [HOSTILE]: 1 },
      page: 'javascript:alert(3)',
      error: { code: 'BAD_PART', message: HOSTILE },
      boards: [],
    })

    for (const html of [page(scene(bad)), page(scene(bad), { machine: bad.id })]) {
      const shown = html.replace(/<script>[\s\S]*<\/script>/, (script) => script.slice(-9))
      assert.ok(!/<script>alert|<img src=x|onerror=alert\(2\)>|href="javascript/.test(shown))
      assert.ok(!shown.includes('\u202e') && !shown.includes('\x1b'))
    }
  })

  it('draws a pixel for each worker, coloured by its state', () => {
    const kinds: FleetKind[] = [...Array<FleetKind>(17).fill('idle'), 'blocked']
    const { url, columns, rows } = cellPicture(cellsOf(kinds))

    const png = Buffer.from(url.slice(url.indexOf(',') + 1), 'base64')
    const at = png.indexOf('IDAT')
    const pixels = inflateSync(png.subarray(at + 4, at + 4 + png.readUInt32BE(at - 4)))
    assert.deepEqual([columns, rows], [16, 2])
    assert.equal(pixels.toString('hex'), `00${'11'.repeat(8)}00${'14'}${'00'.repeat(7)}`)
  })

  it('paints the squares of the legend as the pixels that they are about', () => {
    const html = page(scene(fleetMachine('one', [{}])))
    const { url } = cellPicture('1')
    const png = Buffer.from(url.slice(url.indexOf(',') + 1), 'base64')
    const at = png.indexOf('PLTE') + 4

    for (const [index, kind] of LEGEND_KINDS.entries()) {
      const color = png.subarray(at + 3 * (index + 1), at + 3 * (index + 2)).toString('hex')
      const rule = new RegExp(`\\.legend \\.${kind} {\\s*background: #(\\w+);`).exec(html)
      assert.equal(rule?.[1], color, kind)
    }
  })
})

describe('The page of a fleet, served', () => {
  it('refuses what is not a fleet, and options that nobody knows', async () => {
    const fleet = await look(await oneMachine())

    assert.throws(() => fleetHandler({} as never), /^TypeError: Expected a Fleet, got an instance of Object/)
    assert.throws(
      () => fleetHandler(fleet, { tokken: 'x' } as never),
      /in the options of fleetHandler\(\); did you mean 'token'/,
    )
  })

  it('answers people, programs and Prometheus, and nobody who may not look', async () => {
    const fleet = await look(await oneMachine())
    const { id } = await machine(fleet, 'one')
    const { port } = await listen(fleetHandler(fleet))
    const closed = await listen(fleetHandler(fleet, { token: 'open-sesame' }))

    const [html, json, one, metrics, sd, gone, refused] = await Promise.all([
      ask(port),
      ask(port, { path: '/?json' }),
      ask(port, { path: `/?machine=${id}` }),
      ask(port, { path: '/metrics?by=worker' }),
      ask(port, { path: '/sd' }),
      ask(port, { path: '/?json&machine=nobody' }),
      ask(closed.port, { path: '/sd' }),
    ])

    assert.match(html.body, new RegExp(`data-id="${id}"`))
    assert.match(String(html.headers['content-security-policy']), /script-src 'sha256-/)
    assert.equal(JSON.parse(json.body).machines[0].workers[0].status, 'cooks')
    assert.match(one.body, /<td class="c-id"><a href="[^"]+">a-1<\/a>/)
    assert.match(metrics.body, /rollcall_worker_up\{machine="one",worker="a-1"\} 1/)
    assert.deepEqual(JSON.parse(sd.body), [])
    assert.deepEqual([gone.status, refused.status], [404, 401])
  })

  it('tells an open page what is different, once a change is there', async () => {
    const url = await oneMachine()
    const fleet = await look(url)
    const { port } = await listen(fleetHandler(fleet, { intervalMs: 50 }))
    const told: { event: string; text: string }[] = []
    const stream = await EventStream.open(port, ({ event, data }) =>
      told.push({ event, text: JSON.stringify(data) }),
    )

    await eventually(() => told.some(({ event, text }) => event === 'all' && text.includes('>one')), 'all')
    await join(url, { boards: [open({ baseDir: tempDir() })], name: 'two' })
    await eventually(
      () => told.some(({ event, text }) => event === 'tick' && text.includes('>two')),
      () => `two in ${JSON.stringify(told.slice(-3))}`,
    )
    assert.ok(told.filter(({ event }) => event === 'tick').every(({ text }) => !text.includes('>one')))
    stream.close()
  })

  async function oneMachine(): Promise<string> {
    const board = open({ baseDir: tempDir(), workerId: 'a-1' })
    board.update('cooks')
    const url = `local:${tempDir()}/fleet`
    await join(url, { boards: [board], name: 'one', blockedAfterMs: 60_000 })
    return url
  }
})
