// The metrics directory keeps promise 5: one bad file, one bad worker or another release costs nothing but itself.

import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import { clusterMetrics, publishMetrics } from '../../lib'
import { open } from '../support/boards'
import { startReady } from '../support/child'
import { tempDir } from '../support/temp-dir'

/** A registry on the board until the test is over. */
const publications: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const publication of publications.splice(0)) await publication.close().catch(() => {})
})

async function publish(
  baseDir: string,
  fill: (registers: Registry[]) => void,
): Promise<{ close(): Promise<void> }> {
  const registry = new Registry()
  fill([registry])
  const publication = publishMetrics(registry, { baseDir, intervalMs: 3_600_000 })
  publications.push(publication)
  await publication.publish()
  return publication
}

function jobs(n: number) {
  return (registers: Registry[]) => new Counter({ name: 'jobs_total', help: 'Jobs', registers }).inc(n)
}

async function scrape(baseDir: string): Promise<{ text: string; problems: string[] }> {
  const problems: string[] = []
  const text = await clusterMetrics({ baseDir, onError: ({ message }) => void problems.push(message) })
  return { text, problems }
}

describe('The metrics directory, damaged', () => {
  const DAMAGES: [string, (file: string) => void][] = [
    ['is empty', (file) => fs.writeFileSync(file, '')],
    ['is cut', (file) => fs.writeFileSync(file, '{"boardId":"abc","generation":"1","fold')],
    ['is a directory', (file) => fs.mkdirSync(file)],
    ['is of another format', (file) => fs.writeFileSync(file, '{"version":9,"series":[]}')],
    ['holds what is no metric', (file) => fs.writeFileSync(file, RETAINED_NONSENSE)],
    ['is a link to nowhere', (file) => fs.symlinkSync('/nonexistent/retained', file)],
  ]
  for (const [what, damage] of DAMAGES) {
    it(`serves everybody else when retained.json ${what}, names it once, and retains again`, async () => {
      const baseDir = tempDir()
      const file = path.join(baseDir, 'retained.json')
      await publish(baseDir, jobs(2))
      damage(file)
      const first = await scrape(baseDir)
      const worker = await startReady('prom-worker', baseDir)
      await worker.ask(5)
      await worker.killed()

      const second = await scrape(baseDir)
      const third = await scrape(baseDir)

      for (const { text } of [first, second, third]) assert.match(text, /^jobs_total 2$/m)
      for (const { text } of [second, third]) assert.match(text, /^jobs_done\{kind="a"\} 5$/m)
      const named = [first, second, third].flatMap(({ problems }) => problems)
      if (what !== 'is a link to nowhere') assert.equal(named.filter((text) => text.includes(file)).length, 1)
      assert.equal(JSON.parse(fs.readFileSync(file, 'utf8')).metrics.length > 0, true)
    })
  }

  it('serves everybody else when a worker publishes what is no registry, and names it once', async () => {
    const baseDir = tempDir()
    await publish(baseDir, jobs(2))
    open({ baseDir, workerId: 'lost' }).update('just a text')
    open({ baseDir, workerId: 'odd' }).update([{ name: 'odd', type: 'mystery' }, 7] as never)

    const [first, second] = [await scrape(baseDir), await scrape(baseDir)]

    for (const { text } of [first, second]) assert.match(text, /^jobs_total 2$/m)
    assert.equal(first.problems.length, 3)
    assert.match(first.problems.join('\n'), /'lost'.*no registry/)
    assert.match(first.problems.join('\n'), /'odd' of .*no metric/)
    assert.deepEqual(second.problems, [])
  })

  it('ignores what an earlier release left for those that ended well', async () => {
    const baseDir = tempDir()
    await publish(baseDir, jobs(2))
    fs.writeFileSync(path.join(baseDir, 'ended-0123456789abcdef-0-1.json'), '')

    assert.match((await scrape(baseDir)).text, /^jobs_total 2$/m)
  })

  it('keeps releases apart that mean different things by a name', async () => {
    const baseDir = tempDir()
    const first = await publish(baseDir, (registers) => {
      new Counter({ name: 'thing', help: 'Counted', registers }).inc(5)
      const took = new Histogram({ name: 'took', help: 'Took', registers, buckets: [0.1, 1, 10] })
      for (const value of [0.05, 0.5, 5, 50]) took.observe(value)
    })
    await first.close()
    await scrape(baseDir)
    await publish(baseDir, (registers) => {
      new Gauge({ name: 'thing', help: 'Measured', registers }).set(1)
      const took = new Histogram({ name: 'took', help: 'Took', registers, buckets: [0.2, 2, 20] })
      for (const value of [0.15, 1.5, 15]) took.observe(value)
    })

    const { text, problems } = await scrape(baseDir)
    const again = await scrape(baseDir)

    assert.match(text, /^# TYPE thing gauge\nthing 1$/m)
    const buckets = [...text.matchAll(/^took_bucket\{le="(.*)"\} (\d+)$/gm)].map(([, le, n]) => [
      le,
      Number(n),
    ])
    // What lay below 0.1 lies below 0.2; what lay below 1 lies below 2, and so on.
    assert.deepEqual(buckets, [
      ['0.2', 2],
      ['2', 4],
      ['20', 6],
      ['+Inf', 7],
    ])
    assert.match(text, /^took_count 7$/m)
    assert.match(text, /^took_sum 72\.(2|199999)/m)
    assert.equal(problems.length, 2)
    assert.deepEqual(again.problems, [])
    // The counter is not lost: it is shown again when nobody says otherwise.
    await publications.splice(0)[1]!.close()
    assert.match((await scrape(baseDir)).text, /^# TYPE thing counter\nthing 5$/m)
  })

  it('answers an error, and no empty text, where there is no board; and makes none', async () => {
    const baseDir = path.join(tempDir(), 'metrics')

    await assert.rejects(clusterMetrics({ baseDir }), { code: 'ERR_NOT_A_BOARD' })

    assert.equal(fs.existsSync(baseDir), false)
  })

  it('lets the event loop turn while it reads', async () => {
    const baseDir = tempDir()
    const workers = 6
    for (let i = 0; i < workers; i++) {
      await publish(baseDir, (registers) => {
        const wide = new Gauge({ name: 'wide', help: 'Wide', registers, labelNames: ['n'] })
        for (let n = 0; n < 15_000; n++) wide.set({ n }, 1)
      })
    }
    let turns = 0
    let isOver = false
    const turn = () => {
      turns++
      if (!isOver) setImmediate(turn)
    }
    setImmediate(turn)

    await clusterMetrics({ baseDir })
    isOver = true

    // At least one for each worker that is read: each is more than a slice on any machine.
    assert.ok(turns >= workers, `the loop turned ${turns} times`)
  })
})

const RETAINED_NONSENSE = JSON.stringify({
  boardId: 'abc',
  generation: '1',
  folded: [],
  metrics: [
    { name: 'x', help: '', type: 'counter', aggregator: 'sum', values: [{ value: 1, labels: 'none' }] },
  ],
})
